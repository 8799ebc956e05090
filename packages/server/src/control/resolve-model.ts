/** From what a user asks to what runs: the pinned artifact, the engine, its files and settings, the hardware. */
import type { Compute, Image, Provider } from '@berth/contract'
import type { AdapterWish } from '../domain/adapter.ts'
import type { Artifact } from '../domain/artifact.ts'
import { PlatformError } from '../domain/errors.ts'
import { chooseInstance } from '../domain/instance-choice.ts'
import type { InstanceType } from '../domain/instance-type.ts'
import { resolveAdapters } from './resolve-adapters.ts'
import type { ControlRooms } from './rooms.ts'

export type ModelWish = {
  readonly repository: string
  readonly revision: string | null
  readonly image: Image
  readonly token: string | undefined
  readonly task: string | null
  readonly instance: Pick<InstanceType, 'gpus' | 'runtime'>
  readonly adapters?: Readonly<Record<string, AdapterWish>> | undefined
}

export type ResolvedModel = { readonly engine: string; readonly artifact: Artifact; readonly image: Image }

export async function resolveModel(rooms: ControlRooms, wish: ModelWish): Promise<ResolvedModel> {
  const token = wish.token ?? rooms.hubToken
  const { repository, revision } = wish
  const everything = await rooms.models.resolve({ repository, revision, ...(token ? { token } : {}) })
  const facts = { repository, files: everything.files }
  const { engine } = rooms.chooseEngine(wish.image, facts, {
    gpus: wish.instance.gpus,
    runtime: wish.instance.runtime,
    ...(wish.task ? { task: wish.task } : {}),
  })
  const { files, image } = engine.resolve(facts, wish.image)
  const needed = everything.files.filter((file) => files.includes(file.path))
  const adapters = await resolveAdapters(rooms, engine, wish.adapters ?? {}, token)
  const artifact = { ...everything, files: needed, ...(adapters.length > 0 && { adapters }) }
  return { engine: engine.name, artifact, image }
}

export async function resolveInstance(
  rooms: ControlRooms,
  wish: { readonly provider: Provider; readonly compute: Omit<Compute, 'scaling'> },
): Promise<InstanceType> {
  const { instanceTypes } = await rooms.driver.capacity()
  if (instanceTypes.length === 0) {
    throw new PlatformError('unavailable', 'This installation has no hardware to offer: see `berth doctor`.')
  }
  return chooseInstance(wish, instanceTypes)
}
