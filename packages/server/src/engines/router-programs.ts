/**
 * The routers that endpoints may have where replicas are plain processes.
 *
 * There an image cannot be run, and a command of a user's own would run with the rights of Berth. So it is the operator
 * who says what there is: an executable file in one directory, named as the last part of the tag.
 */
import { constants } from 'node:fs'
import { access, readdir } from 'node:fs/promises'
import path from 'node:path'
import { ROUTER_VARIABLE, type RouterSpec } from '../domain/custom-router.ts'
import { PlatformError } from '../domain/errors.ts'
import { type LaunchPlan, PLACEHOLDER } from '../domain/launch-plan.ts'

const PROGRAM = /^[a-z0-9][\w.:-]{0,127}$/i

export class RouterPrograms {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  /** How a router is started. @param runtime of the endpoint's replicas. @throws PlatformError `invalid` for no program. */
  plan({ tag, port }: RouterSpec, key: string, runtime: string): LaunchPlan {
    const isProcess = runtime === 'process'
    return {
      command: isProcess ? [this.#fileOf(tag)] : [],
      image: isProcess ? undefined : tag,
      env: {
        [ROUTER_VARIABLE.host]: PLACEHOLDER.host,
        [ROUTER_VARIABLE.port]: PLACEHOLDER.port,
        [ROUTER_VARIABLE.key]: key,
      },
      containerPort: port,
      shmBytes: 0,
      // Nobody knows what somebody else's program writes, and where.
      writableRoot: true,
    }
  }

  /** @throws PlatformError `invalid` with what there is, where this one is not. */
  async refuseMissing({ tag }: RouterSpec, runtime: string): Promise<void> {
    if (runtime !== 'process') return
    const isThere = await access(this.#fileOf(tag), constants.X_OK).then(
      () => true,
      () => false,
    )
    if (isThere) return
    const names = (await readdir(this.#directory).catch(() => [])).filter((name) => PROGRAM.test(name))
    const there = names.length === 0 ? 'and none is there' : `where there are ${names.toSorted().join(', ')}`
    throw this.#refuse(
      `customRouter.tag is "${tag}": where replicas are processes it names a program that the operator has put into ${this.#directory}, ${there}. Ask for it to be put there, or choose an instance type of a container runtime.`,
    )
  }

  #fileOf(tag: string): string {
    const name = tag.slice(tag.lastIndexOf('/') + 1)
    if (PROGRAM.test(name)) return path.join(this.#directory, name)
    throw this.#refuse(
      `customRouter.tag is "${tag}": where replicas are processes it names a program in ${this.#directory}, with letters, digits and . _ : - alone.`,
    )
  }

  #refuse(message: string): PlatformError {
    return new PlatformError('invalid', message, { field: 'customRouter.tag', reason: 'router_missing' })
  }
}
