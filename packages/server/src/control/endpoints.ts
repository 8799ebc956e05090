/**
 * Control: takes a wish about an endpoint, refuses or accepts it, and writes it down as a revision.
 *
 * It writes what is wanted and nothing else: making it so belongs to the reconciler, how many replicas there are
 * to the autoscaler, what is observed to nobody's opinion.
 */
import type { Actor, Endpoint, EndpointUpdate } from '@berth/contract'
import {
  refuseReservedEnvironment,
  refuseUnaffordable,
  refuseUnavailable,
} from '../domain/accept-endpoint.ts'
import { type EndpointRecord, endpointKey, type Revision } from '../domain/endpoint.ts'
import { PlatformError } from '../domain/errors.ts'
import { refuseNotOffered } from '../domain/instance-choice.ts'
import { newEndpointId } from '../platform/ids.ts'
import type { Store } from '../store/store.ts'
import { changeByRollback, changeByUpdate, type EndpointChange } from './endpoint-change.ts'
import { refuseSettings, type Secrets, specOf, tokenIn, withResolved } from './endpoint-spec.ts'
import { refuseFallback } from './fallback-check.ts'
import { refuseMisfit } from './fit-check.ts'
import { refuseOverQuota } from './quota-check.ts'
import { withoutPassword } from './registry-password.ts'
import { type ResolvedModel, resolveInstance, resolveModel } from './resolve-model.ts'
import type { ControlRooms } from './rooms.ts'
import { refuseRouter } from './router-check.ts'

export async function createEndpoint(
  rooms: ControlRooms,
  namespace: string,
  asked: Endpoint,
  actor: Actor,
  { asleep }: { readonly asleep: boolean } = { asleep: false },
): Promise<EndpointRecord> {
  refuseUnavailable(asked)
  const { image, secrets: registry } = withoutPassword(asked.model.image, undefined)
  const request = { ...asked, model: { ...asked.model, image } }
  const secrets = request.model.secrets ?? {}
  refuseReservedEnvironment(Object.keys(request.model.env ?? {}), 'model.env')
  refuseReservedEnvironment(Object.keys(secrets), 'model.secrets')
  if (await rooms.store.endpoints.find(namespace, request.name)) throw nameTaken(namespace, request.name)

  const draft = specOf(request)
  await refuseFallback(rooms.store, namespace, draft)
  const instance = await resolveInstance(rooms, draft)
  refuseNotOffered(instance)
  refuseUnaffordable(draft.compute.scaling, instance)
  await refuseOverQuota(rooms, { namespace, instance, scaling: draft.compute.scaling })
  const resolved = await resolveModel(rooms, {
    ...draft.model,
    token: tokenIn(secrets, draft.model.env),
    instance,
  })
  refuseSettings(rooms, resolved.engine, draft, secrets, instance)
  await refuseRouter(rooms, draft, instance)
  const warning = await refuseMisfit(rooms, {
    ...resolved,
    args: draft.model.args,
    instance,
    token: tokenIn(secrets, draft.model.env),
  })
  const now = rooms.clock.now()
  const endpoint: EndpointRecord = {
    id: newEndpointId(),
    namespace,
    spec: withResolved(draft, resolved, instance.id),
    paused: false,
    generation: 1,
    version: 1,
    createdAt: now,
    createdBy: actor,
    updatedAt: now,
    updatedBy: actor,
  }
  await rooms.store.transaction(async (store) => {
    await store.endpoints.create(endpoint)
    await store.revisions.append(revisionOf(endpoint, resolved, endpoint.generation))
    await writeSecrets(store, endpoint, { ...secrets, ...registry })
    await record(store, endpoint, 'endpoint.created', `Created from ${draft.model.repository}.`)
    if (warning) await record(store, endpoint, 'endpoint.tight', warning)
    if (asleep) await rooms.scale.sleep(store, endpoint, 'created asleep')
  })
  rooms.hint(endpoint.id)
  return endpoint
}

export async function updateEndpoint(
  rooms: ControlRooms,
  endpoint: EndpointRecord,
  update: EndpointUpdate,
  actor: Actor,
): Promise<EndpointRecord> {
  const change = await changeByUpdate(rooms, endpoint, update)
  const fields = Object.keys(update).join(', ')
  return accept(rooms, endpoint, change, actor, {
    kind: 'endpoint.updated',
    message: (number) => `Changed ${fields}; now revision ${number}.`,
  })
}

/** Makes the configuration of an earlier revision the newest one. */
export async function rollbackEndpoint(
  rooms: ControlRooms,
  endpoint: EndpointRecord,
  revision: number,
  actor: Actor,
): Promise<EndpointRecord> {
  const change = await changeByRollback(rooms, endpoint, revision)
  return accept(rooms, endpoint, change, actor, {
    kind: 'endpoint.rolled-back',
    message: (number) => `Back to revision ${revision}; now revision ${number}.`,
    details: { to: revision },
  })
}

async function accept(
  rooms: ControlRooms,
  endpoint: EndpointRecord,
  { spec, resolved, secrets, latest, restarts, isNone, warning }: EndpointChange,
  actor: Actor,
  event: {
    readonly kind: string
    readonly message: (revision: number) => string
    readonly details?: Readonly<Record<string, unknown>>
  },
): Promise<EndpointRecord> {
  if (isNone) return endpoint
  const generation = endpoint.generation + 1
  const updatedAt = rooms.clock.now()
  const changed: EndpointRecord = { ...endpoint, spec, generation, updatedAt, updatedBy: actor }
  const saved = await rooms.store.transaction(async (store) => {
    const written = await store.endpoints.save(changed, endpoint.version)
    await store.revisions.append(revisionOf(changed, resolved, restarts ? generation : latest.runs))
    await writeSecrets(store, changed, secrets)
    const details = { ...event.details, restarts, revision: generation }
    await record(store, changed, event.kind, event.message(generation), details)
    if (warning) await record(store, changed, 'endpoint.tight', warning)
    return written
  })
  rooms.hint(endpoint.id)
  return saved
}

export async function deleteEndpoint(
  rooms: ControlRooms,
  endpoint: EndpointRecord,
  actor: Actor,
): Promise<void> {
  await rooms.store.transaction(async (store) => {
    await store.endpoints.delete(endpoint.id)
    await record(
      store,
      { ...endpoint, updatedBy: actor, updatedAt: rooms.clock.now() },
      'endpoint.deleted',
      'Deleted.',
    )
  })
  rooms.hint(endpoint.id)
}

export async function pauseEndpoint(
  rooms: ControlRooms,
  endpoint: EndpointRecord,
  actor: Actor,
): Promise<EndpointRecord> {
  if (endpoint.paused) return endpoint
  const now = rooms.clock.now()
  const saved = await rooms.store.transaction(async (store) => {
    const paused = { ...endpoint, paused: true, updatedAt: now, updatedBy: actor }
    const written = await store.endpoints.save(paused, endpoint.version)
    await record(store, paused, 'endpoint.paused', 'Paused.')
    return written
  })
  rooms.hint(endpoint.id)
  return saved
}

/** Starts a paused endpoint, tries a failed one again, wakes one that sleeps; refuses when it runs already. */
export async function resumeEndpoint(
  rooms: ControlRooms,
  endpoint: EndpointRecord,
  actor: Actor,
): Promise<EndpointRecord> {
  const status = await rooms.store.statuses.get(endpoint.id)
  const target = await rooms.store.scaleTargets.get(endpoint.id)
  const asleep = target?.count === 0
  const broken = status?.state === 'failed' || status?.state === 'updateFailed'
  if (!endpoint.paused && !asleep && !broken) {
    throw new PlatformError('already_running', `Endpoint ${endpointKey(endpoint)} is already running.`)
  }
  const now = rooms.clock.now()
  const saved = await rooms.store.transaction(async (store) => {
    const resumed = { ...endpoint, paused: false, updatedAt: now, updatedBy: actor }
    const written = await store.endpoints.save(resumed, endpoint.version)
    await rooms.scale.start(store, resumed, `resumed by ${actor.name}`)
    await record(store, resumed, 'endpoint.resumed', 'Resumed.')
    return written
  })
  await rooms.forgive(endpoint.id)
  return saved
}

export async function scaleEndpointToZero(
  rooms: ControlRooms,
  endpoint: EndpointRecord,
  actor: Actor,
): Promise<EndpointRecord> {
  if (endpoint.paused) {
    throw new PlatformError(
      'invalid',
      `Endpoint ${endpointKey(endpoint)} is paused: it runs nothing. Resume it first.`,
    )
  }
  await rooms.store.transaction(async (store) => {
    await rooms.scale.sleep(store, endpoint, `scaled to zero by ${actor.name}`)
    const by = { ...endpoint, updatedBy: actor, updatedAt: rooms.clock.now() }
    await record(store, by, 'endpoint.scaled-to-zero', 'Scaled to zero.')
  })
  rooms.hint(endpoint.id)
  return endpoint
}

function revisionOf(
  endpoint: EndpointRecord,
  { engine, artifact, image }: ResolvedModel,
  runs: number,
): Revision {
  const { id: endpointId, generation: number, spec, updatedAt: createdAt, updatedBy: createdBy } = endpoint
  return { endpointId, number, runs, spec, engine, image, artifact, createdAt, createdBy }
}

async function writeSecrets(store: Store, endpoint: EndpointRecord, secrets: Secrets): Promise<void> {
  for (const [name, value] of Object.entries(secrets)) {
    if (value === null) await store.secrets.remove(endpoint.id, name)
    else await store.secrets.set(endpoint.id, name, value)
  }
}

async function record(
  store: Store,
  endpoint: EndpointRecord,
  kind: string,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const { updatedAt: at, updatedBy: actor } = endpoint
  await store.events.append({ at, actor, kind, endpoint: endpointKey(endpoint), message, details })
}

const nameTaken = (namespace: string, name: string) =>
  new PlatformError(
    'conflict',
    `There is already an endpoint "${name}" in namespace "${namespace}". Choose another name.`,
    {
      field: 'name',
    },
  )
