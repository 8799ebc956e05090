/**
 * A sandbox: a container of which nothing is wanted but its network, made while an endpoint sleeps, so that the
 * container that waits joins what is there already. To set a network up is more than half of what a daemon does for a
 * start.
 *
 * It runs one program that waits, as nobody and with nothing, and lives and dies with the one container it was made
 * for. A container names its sandbox itself (`NetworkMode`), so nothing has to be remembered.
 */
import { Readable } from 'node:stream'
import type Docker from 'dockerode'
import type { ContainerCreateOptions } from 'dockerode'
import type { ReplicaSpec } from '../driver.ts'
import { LABEL } from './container-labels.ts'
import { publishing } from './container-options.ts'
import { type Daemon, ifThere } from './daemon.ts'
import { PullProgress } from './pull-progress.ts'
import {
  isSandboxArchitecture,
  SANDBOX_PROGRAM,
  type SandboxArchitecture,
  sandboxArchive,
} from './sandbox-image.ts'

const IMAGE = { repo: 'localhost/berth/sandbox', tag: '1' } as const
const NOBODY = '65534:65534'
const JOINED = 'container:'

export type Sandbox = {
  readonly id: string
  /** Of the container that joins it. */
  readonly networkMode: string
}

export type SandboxPlace = {
  readonly installationId: string
  readonly network: string
  /** The daemon's address at which the port is published; undefined where it is reached without. */
  readonly publishOn: string | undefined
}

export class Sandboxes {
  readonly #docker: Docker
  readonly #architecture: SandboxArchitecture | undefined

  constructor({ docker, kind, architecture }: Pick<Daemon, 'docker' | 'kind' | 'architecture'>) {
    this.#docker = docker
    this.#architecture = kind === 'docker' && isSandboxArchitecture(architecture) ? architecture : undefined
  }

  /** Makes one and starts it. @returns `undefined` if the daemon can run none. */
  async open(spec: ReplicaSpec, place: SandboxPlace): Promise<Sandbox | undefined> {
    if (!this.#architecture) return undefined
    await this.#ensureImage(this.#architecture)
    const sandbox = await this.#docker.createContainer(sandboxOptions(spec, place))
    try {
      await sandbox.start()
    } catch (error) {
      await sandbox.remove({ force: true })
      throw error
    }
    return { id: sandbox.id, networkMode: `${JOINED}${sandbox.id}` }
  }

  async #ensureImage(architecture: SandboxArchitecture): Promise<void> {
    const image = this.#docker.getImage(`${IMAGE.repo}:${IMAGE.tag}`)
    if (await ifThere(image.inspect())) return
    const archive = Readable.from([sandboxArchive(architecture)])
    const progress = await this.#docker.importImage(archive, { ...IMAGE })
    // What goes wrong is said in the stream, after an answer that all is well.
    const failure = await lastError(progress)
    if (failure) throw new Error(`the image ${IMAGE.repo} could not be made: ${failure}`)
  }
}

function sandboxOptions(spec: ReplicaSpec, place: SandboxPlace): ContainerCreateOptions {
  const published = publishing(spec.plan.containerPort, place.publishOn)
  return {
    name: `${spec.id}-sandbox`,
    Image: `${IMAGE.repo}:${IMAGE.tag}`,
    Entrypoint: [SANDBOX_PROGRAM],
    User: NOBODY,
    // The first process of a container hears nothing else.
    StopSignal: 'SIGKILL',
    Labels: { [LABEL.installation]: place.installationId, [LABEL.sandboxOf]: spec.id },
    ...published.config,
    HostConfig: {
      NetworkMode: place.network,
      ...published.hostConfig,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
    },
  }
}

/** The id of the sandbox that a container runs in. */
export function sandboxIn(container: {
  readonly HostConfig: { readonly NetworkMode?: string | undefined }
}): string | undefined {
  const { NetworkMode = '' } = container.HostConfig
  return NetworkMode.startsWith(JOINED) ? NetworkMode.slice(JOINED.length) : undefined
}

async function lastError(progress: NodeJS.ReadableStream): Promise<string | undefined> {
  const lines = (await Array.fromAsync(progress as AsyncIterable<Buffer>)).join('').split('\n')
  const heard = new PullProgress()
  return lines.map((line) => heard.hear(line)).find((error) => error !== undefined)
}
