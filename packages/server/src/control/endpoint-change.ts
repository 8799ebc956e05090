/**
 * What a change would make of an endpoint: held against every rule, and nothing written.
 *
 * An update and the way back to an earlier revision end in the same draft, so that what a plan says is what is done.
 */
import type { EndpointUpdate, UpdatePlan } from '@berth/contract'
import {
  launchPart,
  mergeUpdate,
  refuseReservedEnvironment,
  refuseUnaffordable,
  refuseUnavailable,
} from '../domain/accept-endpoint.ts'
import { type EndpointRecord, type EndpointSpec, endpointKey, type Revision } from '../domain/endpoint.ts'
import { PlatformError } from '../domain/errors.ts'
import { refuseNotOffered } from '../domain/instance-choice.ts'
import type { InstanceType } from '../domain/instance-type.ts'
import { REGISTRY_PASSWORD } from '../domain/registry-login.ts'
import { specChanges } from '../domain/spec-changes.ts'
import { isReplica } from '../runtime/driver.ts'
import type { Store } from '../store/store.ts'
import { refuseSettings, type Secrets, tokenIn, withResolved, withSecretNames } from './endpoint-spec.ts'
import { refuseFallback } from './fallback-check.ts'
import { refuseMisfit } from './fit-check.ts'
import { refuseOverQuota } from './quota-check.ts'
import { withoutPassword } from './registry-password.ts'
import { type ResolvedModel, resolveInstance, resolveModel } from './resolve-model.ts'
import type { ControlRooms } from './rooms.ts'
import { refuseRouter } from './router-check.ts'

export type EndpointChange = {
  readonly spec: EndpointSpec
  readonly resolved: ResolvedModel
  readonly instance: InstanceType
  readonly secrets: Secrets
  /** The newest revision, which this would follow. */
  readonly latest: Revision
  /** Whether replicas would notice. */
  readonly restarts: boolean
  readonly isNone: boolean
  /** That it may not fit, where that is not certain. */
  readonly warning?: string | undefined
}

/** @throws PlatformError for whatever the update would be refused for. */
export async function changeByUpdate(
  rooms: ControlRooms,
  endpoint: EndpointRecord,
  asked: EndpointUpdate,
): Promise<EndpointChange> {
  refuseUnavailable(asked)
  const { update, registry } = withoutRegistryPassword(asked, endpoint.spec)
  const secrets = update.model?.secrets ?? {}
  refuseReservedEnvironment(Object.keys(update.model?.env ?? {}), 'model.env')
  refuseReservedEnvironment(Object.keys(secrets), 'model.secrets')

  const latest = await latestRevision(rooms.store, endpoint)
  const merged = withSecretNames(mergeUpdate(endpoint.spec, update), secrets)
  await refuseFallback(rooms.store, endpoint.namespace, merged)
  const instance = await resolveInstance(rooms, merged)
  if (instance.id !== endpoint.spec.compute.id) refuseNotOffered(instance)
  refuseUnaffordable(merged.compute.scaling, instance)
  await refuseOverQuota(rooms, {
    namespace: endpoint.namespace,
    instance,
    scaling: merged.compute.scaling,
    endpointId: endpoint.id,
  })
  const resolved = asksForModel(update)
    ? await resolveAgain(rooms, endpoint, merged, update, instance)
    : latest
  if (resolved.engine !== latest.engine) throw engineChanged(latest.engine, resolved.engine)
  refuseSettings(rooms, resolved.engine, merged, secrets, instance)
  await refuseRouter(rooms, merged, instance)
  const warning = touchesMemory(update)
    ? await refuseMisfit(rooms, { ...resolved, args: merged.model.args, instance, token: rooms.hubToken })
    : undefined
  const spec = withResolved(merged, resolved, instance.id)
  const written = { ...secrets, ...registry }
  return { ...judged(endpoint, latest, spec, resolved, instance, written), warning }
}

/**
 * The configuration of an earlier revision, from the files and with the settings that were chosen then. Secrets have
 * no history: the values of now stay.
 */
export async function changeByRollback(
  rooms: ControlRooms,
  endpoint: EndpointRecord,
  number: number,
): Promise<EndpointChange> {
  const latest = await latestRevision(rooms.store, endpoint)
  const earlier = await rooms.store.revisions.get(endpoint.id, number)
  if (!earlier) throw revisionMissing(endpoint, number)
  const { secretNames } = endpoint.spec.model
  const draft: EndpointSpec = { ...earlier.spec, model: { ...earlier.spec.model, secretNames } }
  await refuseFallback(rooms.store, endpoint.namespace, draft)
  const instance = await resolveInstance(rooms, draft)
  refuseUnaffordable(draft.compute.scaling, instance)
  refuseSettings(rooms, earlier.engine, draft, {}, instance)
  await refuseRouter(rooms, draft, instance)
  const spec = { ...draft, compute: { ...draft.compute, id: instance.id } }
  return judged(endpoint, latest, spec, earlier, instance, {})
}

/** The same in words and numbers, for a person who has not decided yet. */
export async function planOf(
  rooms: ControlRooms,
  endpoint: EndpointRecord,
  change: EndpointChange,
): Promise<UpdatePlan> {
  const { instanceTypes } = await rooms.driver.capacity()
  const before = instanceTypes.find(({ id }) => id === endpoint.spec.compute.id) ?? change.instance
  const there = (await rooms.driver.list()).filter(
    (one) => one.endpointId === endpoint.id && one.state === 'running' && isReplica(one),
  )
  const changedSecrets = Object.entries(change.secrets).map(([name, value]) => ({
    path: name === REGISTRY_PASSWORD ? 'model.image.custom.credentials.password' : `model.secrets.${name}`,
    from: null,
    to: value === null ? null : '…',
  }))
  const replicas = change.restarts && !endpoint.paused ? there.length : 0
  return {
    changes: [...specChanges(endpoint.spec, change.spec), ...changedSecrets],
    revision: change.isNone ? endpoint.generation : endpoint.generation + 1,
    restarts: change.restarts,
    replicas,
    reason: planInWords(change, replicas),
    pricePerHour: { from: before.pricePerHour, to: change.instance.pricePerHour },
  }
}

function planInWords({ isNone, restarts }: EndpointChange, replicas: number): string {
  if (isNone) return 'Nothing would change.'
  if (!restarts) return 'Nothing restarts: what runs now goes on.'
  if (replicas === 0) return 'Nothing runs now; the next start has it.'
  const those = replicas === 1 ? 'The replica is' : `${replicas} replicas are`
  return `${those} replaced one by one; each serves until the new one is ready.`
}

function judged(
  endpoint: EndpointRecord,
  latest: Revision,
  spec: EndpointSpec,
  resolved: ResolvedModel,
  instance: InstanceType,
  secrets: Secrets,
): EndpointChange {
  const secretsChange = Object.keys(secrets).length > 0
  const sameLaunch = launchPart(spec, resolved) === launchPart(endpoint.spec, latest)
  return {
    spec,
    resolved,
    instance,
    secrets,
    latest,
    restarts: secretsChange || !sameLaunch,
    isNone: !secretsChange && sameLaunch && JSON.stringify(spec) === JSON.stringify(endpoint.spec),
  }
}

const asksForModel = ({ model }: EndpointUpdate): boolean =>
  model?.repository !== undefined ||
  model?.revision !== undefined ||
  model?.image !== undefined ||
  model?.adapters !== undefined

function withoutRegistryPassword(
  asked: EndpointUpdate,
  { model }: EndpointSpec,
): { readonly update: EndpointUpdate; readonly registry: Secrets } {
  if (!asked.model?.image) return { update: asked, registry: {} }
  const { image, secrets } = withoutPassword(asked.model.image, model.image)
  return { update: { ...asked, model: { ...asked.model, image } }, registry: secrets }
}

const touchesMemory = (update: EndpointUpdate): boolean =>
  asksForModel(update) ||
  update.model?.args !== undefined ||
  update.compute?.instanceType !== undefined ||
  update.compute?.instanceSize !== undefined

async function resolveAgain(
  rooms: ControlRooms,
  endpoint: EndpointRecord,
  merged: EndpointSpec,
  update: EndpointUpdate,
  instance: InstanceType,
): Promise<ResolvedModel> {
  const { secrets = {}, repository, revision } = update.model ?? {}
  const stored = await rooms.store.secrets.reveal(endpoint.id)
  const token = tokenIn({ ...stored, ...secrets }, merged.model.env)
  // Another repository without a revision means its newest one, not the commit of the repository before.
  const moved = repository !== undefined && repository !== endpoint.spec.model.repository
  return resolveModel(rooms, {
    ...merged.model,
    revision: revision ?? (moved ? null : merged.model.revision),
    token,
    instance,
  })
}

async function latestRevision(store: Store, endpoint: EndpointRecord): Promise<Revision> {
  const latest = await store.revisions.get(endpoint.id, endpoint.generation)
  if (latest) return latest
  throw new PlatformError(
    'internal',
    `Endpoint ${endpointKey(endpoint)} has lost revision ${endpoint.generation}.`,
  )
}

const engineChanged = (before: string, after: string) =>
  new PlatformError(
    'invalid',
    `The engine of an endpoint cannot change, and this would change ${before} to ${after}. Create a new endpoint.`,
    { field: 'model.image' },
  )

const revisionMissing = (endpoint: EndpointRecord, number: number) =>
  new PlatformError(
    'not_found',
    `Endpoint ${endpointKey(endpoint)} has no revision ${number}: its newest is ${endpoint.generation}.`,
    { field: 'revision' },
  )
