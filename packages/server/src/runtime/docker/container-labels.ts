/**
 * What a container says about its replica. The labels are the driver's only memory: whoever reads them after a
 * restart knows everything that `list` has to say. Nothing secret is ever written here.
 */
import type { Resources } from '../../domain/instance-type.ts'
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import type { ReplicaSpec, Role } from '../driver.ts'

export const LABEL = {
  /** Which Berth it belongs to: several may share one daemon. */
  installation: 'berth.installation',
  endpointId: 'berth.endpoint-id',
  endpoint: 'berth.endpoint',
  revision: 'berth.revision',
  resources: 'berth.resources',
  startedAt: 'berth.started-at',
  containerPort: 'berth.port',
  gpuIndexes: 'berth.gpus',
  /** As it was asked for; the container itself runs the image by its id. */
  image: 'berth.image',
  digest: 'berth.image-digest',
  /** Only on what is no replica. */
  role: 'berth.role',
  /** Only on a sandbox: the replica that it was made for. */
  sandboxOf: 'berth.sandbox-of',
} as const

/** All that is known of a replica beside its state. */
export type ReplicaIdentity = {
  readonly id: ReplicaId
  readonly endpointId: EndpointId
  readonly endpoint: string
  readonly revision: number
  readonly resources: Resources
  readonly startedAt: number
  readonly containerPort: number
  readonly gpuIndexes: readonly number[]
  readonly imageDigest?: string
  readonly role?: Role
}

/** What the labels say: of a container that was made before its start not when that was. */
export type ContainerIdentity = Omit<ReplicaIdentity, 'startedAt'> & { readonly startedAt?: number }

export type LabelFacts = {
  readonly installationId: string
  /** `undefined` for one that is started later. */
  readonly startedAt: number | undefined
  readonly gpuIndexes: readonly number[]
  readonly digest: string
}

type Labels = Readonly<Record<string, string>>

export function labelsOf(spec: ReplicaSpec, facts: LabelFacts): Record<string, string> {
  return {
    [LABEL.installation]: facts.installationId,
    [LABEL.endpointId]: spec.endpointId,
    [LABEL.endpoint]: spec.endpoint,
    [LABEL.revision]: String(spec.revision),
    [LABEL.resources]: JSON.stringify(spec.resources),
    ...(facts.startedAt === undefined ? {} : { [LABEL.startedAt]: String(facts.startedAt) }),
    [LABEL.containerPort]: String(spec.plan.containerPort),
    [LABEL.gpuIndexes]: facts.gpuIndexes.join(','),
    [LABEL.image]: spec.plan.image ?? '',
    [LABEL.digest]: facts.digest,
    ...(spec.role ? { [LABEL.role]: spec.role } : {}),
  }
}

/** @param name of the container, with or without the slash that the API puts before it. */
export function identityOf(name: string, labels: Labels): ContainerIdentity | undefined {
  const resources = parseResources(labels[LABEL.resources])
  const endpointId = labels[LABEL.endpointId]
  const imageDigest = labels[LABEL.digest]
  const startedAt = labels[LABEL.startedAt]
  if (!resources || endpointId === undefined) return undefined
  return {
    id: name.replace(/^\//, '') as ReplicaId,
    endpointId: endpointId as EndpointId,
    endpoint: labels[LABEL.endpoint] ?? '',
    revision: Number(labels[LABEL.revision]),
    resources,
    ...(startedAt !== undefined && { startedAt: Number(startedAt) }),
    containerPort: Number(labels[LABEL.containerPort]),
    gpuIndexes: (labels[LABEL.gpuIndexes] ?? '').split(',').filter(Boolean).map(Number),
    ...(imageDigest && { imageDigest }),
    ...(labels[LABEL.role] === 'router' && { role: 'router' }),
  }
}

function parseResources(text: string | undefined): Resources | undefined {
  try {
    const { cpus, memoryBytes, gpus } = JSON.parse(text ?? '') as Record<string, unknown>
    return typeof cpus === 'number' && typeof memoryBytes === 'number' && typeof gpus === 'number'
      ? { cpus, memoryBytes, gpus }
      : undefined
  } catch {
    return undefined
  }
}
