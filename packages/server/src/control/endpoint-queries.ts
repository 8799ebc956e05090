/** What can be asked about endpoints: reading only. */
import type { EndpointList, EndpointWithStatus, RouteInput, RouteOutput } from '@berth/contract'
import { variantOf } from '@berth/contract'
import type { EndpointRecord } from '../domain/endpoint.ts'
import { PlatformError } from '../domain/errors.ts'
import type { Replica } from '../domain/replica.ts'
import { specChanges } from '../domain/spec-changes.ts'
import { isReplica } from '../runtime/driver.ts'
import { endpointView, timestamp } from './endpoint-view.ts'
import type { ControlRooms } from './rooms.ts'

export async function findEndpoint(
  rooms: ControlRooms,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Promise<EndpointRecord> {
  const endpoint = await rooms.store.endpoints.find(namespace, name)
  if (endpoint) return endpoint
  const others = (await rooms.store.endpoints.list(namespace)).slice(0, 5).map((other) => other.spec.name)
  const there = others.length > 0 ? ` It has: ${others.join(', ')}.` : ' It has none yet.'
  throw new PlatformError('not_found', `There is no endpoint "${name}" in namespace "${namespace}".${there}`)
}

export async function viewEndpoint(
  rooms: ControlRooms,
  endpoint: EndpointRecord,
): Promise<EndpointWithStatus> {
  const [status, target, revision] = await Promise.all([
    rooms.store.statuses.get(endpoint.id),
    rooms.store.scaleTargets.get(endpoint.id),
    rooms.store.revisions.get(endpoint.id, endpoint.generation),
  ])
  const isOwn = !revision || revision.runs === revision.number
  const runs = isOwn ? revision : await rooms.store.revisions.get(endpoint.id, revision.runs)
  const { settings } = variantOf(revision?.image ?? endpoint.spec.model.image)
  const asked = 'healthRoute' in settings ? settings.healthRoute : undefined
  const healthRoute =
    asked ?? (revision && rooms.engine(revision.engine, undefined)?.health.route) ?? '/health'
  const url = rooms.url(endpoint.namespace, endpoint.spec.name)
  const now = rooms.clock.now()
  const [engine, imageDigest] = [revision?.engine, runs?.imageDigest]
  return endpointView({ endpoint, status, target, url, healthRoute, engine, imageDigest, now })
}

export async function listEndpoints(
  rooms: ControlRooms,
  namespace: string,
  query: RouteInput<'listEndpoints'>['query'],
): Promise<EndpointList> {
  const tags = query.tags?.split(',').filter((tag) => tag !== '') ?? []
  const found = (await rooms.store.endpoints.list(namespace)).filter(
    ({ spec }) => tags.every((tag) => spec.tags.includes(tag)) && spec.name.includes(query.search ?? ''),
  )
  const from =
    query.cursor === undefined ? 0 : found.findIndex((endpoint) => endpoint.id === query.cursor) + 1
  const page = query.limit === undefined ? found.slice(from) : found.slice(from, from + query.limit)
  const more = from + page.length < found.length
  return {
    items: await Promise.all(page.map((endpoint) => viewEndpoint(rooms, endpoint))),
    nextCursor: more ? (page.at(-1)?.id ?? null) : null,
    totalItems: found.length,
  }
}

export async function listRevisions(
  rooms: ControlRooms,
  endpoint: EndpointRecord,
  limit: number,
): Promise<RouteOutput<'listRevisions'>> {
  const revisions = await rooms.store.revisions.list(endpoint.id, limit + 1)
  return {
    items: revisions
      .slice(0, limit)
      .map(({ number, createdAt, createdBy, runs, imageDigest, spec }, index) => {
        const before = revisions[index + 1]
        return {
          number,
          createdAt: timestamp(createdAt),
          createdBy,
          runs,
          restarts: runs === number,
          imageDigest: imageDigest ?? null,
          changes: before ? specChanges(before.spec, spec) : null,
          spec: spec as unknown as Record<string, unknown>,
        }
      }),
  }
}

export async function listEvents(
  rooms: ControlRooms,
  key: { readonly namespace: string; readonly name: string },
  limit: number,
): Promise<RouteOutput<'listEvents'>> {
  const endpoint = `${key.namespace}/${key.name}`
  const events = await rooms.store.events.list({ endpoint, limit })
  return {
    items: events.map(({ sequence, at, actor, kind, message, details }) => ({
      sequence,
      at: timestamp(at),
      actor: actor.name,
      kind,
      endpoint,
      message,
      details: { ...details },
    })),
  }
}

const STAGE = { starting: 'initializing', ready: 'running', draining: 'draining', failed: 'failed' } as const

export async function listReplicas(
  rooms: ControlRooms,
  endpoint: EndpointRecord,
  seen: readonly Replica[],
): Promise<RouteOutput<'listReplicas'>> {
  const running = (await rooms.driver.list()).filter(
    (replica) => replica.endpointId === endpoint.id && isReplica(replica),
  )
  return {
    items: running.map(({ id, revision, startedAt, state }) => {
      const phase = seen.find((replica) => replica.id === id)?.phase ?? 'starting'
      const stage = state === 'exited' ? 'failed' : STAGE[phase]
      return { id, revision, startedAt: timestamp(startedAt), status: { stage, live: stage === 'running' } }
    }),
  }
}
