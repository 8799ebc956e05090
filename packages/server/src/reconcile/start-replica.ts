/** How one replica of a revision is started: the engine's launch plan, with the endpoint's own values in it. */
import { variantOf } from '@berth/contract'
import { refuseBareCommand } from '../domain/accept-endpoint.ts'
import { type Adapter, adapterId } from '../domain/adapter.ts'
import { artifactBytes } from '../domain/artifact.ts'
import { type EndpointRecord, endpointKey, type Revision } from '../domain/endpoint.ts'
import { PlatformError } from '../domain/errors.ts'
import { chooseInstance } from '../domain/instance-choice.ts'
import type { InstanceType, Resources } from '../domain/instance-type.ts'
import { PLACEHOLDER } from '../domain/launch-plan.ts'
import { REGISTRY_PASSWORD, registryLogin } from '../domain/registry-login.ts'
import type { ReplicaId } from '../domain/replica.ts'
import type { LaunchedAdapter } from '../engines/engine.ts'
import { newReplicaId } from '../platform/ids.ts'
import type { ReplicaSpec } from '../runtime/driver.ts'
import type { ReconcileRooms } from './rooms.ts'

/** What a replica gets, and of whom. */
export type Place = {
  readonly resources: Resources
  /** Of the instance type, where there are several. */
  readonly runtime: string | undefined
  readonly instance: InstanceType
}

export function placeOf(revision: Revision, offers: readonly InstanceType[]): Place {
  const instance = chooseInstance(revision.spec, offers)
  const { cpus, memoryBytes, gpus, runtime } = instance
  return { resources: { cpus, memoryBytes, gpus }, runtime, instance }
}

type Settings = Pick<Place, 'resources' | 'runtime'> &
  Pick<ReplicaSpec, 'adapterPaths'> & {
    readonly modelPath: string
    /** A new one by default. */
    readonly id?: ReplicaId | undefined
  }

export async function replicaSpec(
  rooms: ReconcileRooms,
  endpoint: EndpointRecord,
  revision: Revision,
  { resources, runtime, modelPath, adapterPaths, id = newReplicaId(endpoint.id) }: Settings,
): Promise<ReplicaSpec> {
  const engine = rooms.engine(revision.engine, runtime)
  if (!engine) {
    throw new PlatformError(
      'invalid',
      `This Berth has no engine "${revision.engine}"${runtime ? ` on its runtime "${runtime}"` : ''}. Update the endpoint to use another${runtime ? ', or an instance type of another runtime' : ''}.`,
    )
  }
  const { model } = revision.spec
  // Whoever accepted it may have had containers to confine it.
  refuseBareCommand(model.command, runtime ?? rooms.driver.name)
  const plan = engine.launch({
    image: revision.image,
    servedName: endpointKey(endpoint),
    resources,
    command: model.command,
    args: model.args,
    apiKey: rooms.replicaKey(id),
    ...(revision.artifact.adapters && { adapters: revision.artifact.adapters.map(launched) }),
  })
  const isPrivate = revision.image.custom?.credentials !== undefined
  const revealed =
    model.secretNames.length > 0 || isPrivate ? await rooms.store.secrets.reveal(endpoint.id) : {}
  const secrets = Object.fromEntries(Object.entries(revealed).filter(([name]) => name !== REGISTRY_PASSWORD))
  const registry = registryLogin(revision.image, revealed)
  return {
    id,
    endpointId: endpoint.id,
    endpoint: endpointKey(endpoint),
    revision: revision.number,
    plan,
    modelPath,
    ...(adapterPaths && { adapterPaths }),
    env: { ...model.env, ...withoutFallbackKey(secrets, revision.spec.fallback) },
    resources,
    runtime,
    ...(revision.imageDigest && { imageDigest: revision.imageDigest }),
    ...(registry ? { registry } : {}),
  }
}

function launched(adapter: Adapter): LaunchedAdapter {
  const id = adapterId(adapter)
  const files = adapter.artifact.files.map(({ path }) => path)
  return { id, rank: adapter.rank, path: PLACEHOLDER.adapter(id), files }
}

/** An engine has no use for the key of the server that stands in for it. */
function withoutFallbackKey(
  secrets: Readonly<Record<string, string>>,
  fallback: Revision['spec']['fallback'],
): Readonly<Record<string, string>> {
  const name = fallback?.external?.secret
  return Object.fromEntries(Object.entries(secrets).filter(([secret]) => secret !== name))
}

/** @param runtime of the replicas that there are. */
export function startTimeoutMs(
  rooms: ReconcileRooms,
  revision: Revision,
  runtime: string | undefined,
): number {
  const engine = rooms.engine(revision.engine, runtime)
  return engine ? engine.health.startTimeoutMs(artifactBytes(revision.artifact)) : Number.POSITIVE_INFINITY
}

/** The readiness route: the user's own, else the engine's. */
export function healthRouteOf(rooms: ReconcileRooms, revision: Revision): string {
  const { settings } = variantOf(revision.image)
  const asked = 'healthRoute' in settings ? settings.healthRoute : undefined
  return asked ?? rooms.engine(revision.engine, undefined)?.health.route ?? '/health'
}
