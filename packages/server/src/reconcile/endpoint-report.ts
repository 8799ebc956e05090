/** What a look reports: the route to the gateways, the status to the store, both only when they are new. */
import { fallbackReasons, type Progress } from '@berth/contract'
import type { RoutedAdapter } from '../domain/adapter.ts'
import { cachesAnswers, type EndpointRecord, endpointKey } from '../domain/endpoint.ts'
import { deriveStatus, type StatusRecord } from '../domain/endpoint-status.ts'
import type { Replica } from '../domain/replica.ts'
import { routingRules, UNKNOWN_INTAKE } from '../domain/routing/intake.ts'
import { type ExpectedStart, startEstimate } from '../domain/start-times.ts'
import type { RoutedEndpoint, RoutedFallback, RoutedReplica } from '../link/messages.ts'
import type { RunningReplica } from '../runtime/driver.ts'
import { type Facts, revisionsToKeep } from './endpoint-facts.ts'
import type { EndpointMemory } from './endpoint-memory.ts'
import type { LookTools } from './look-tools.ts'
import type { ReconcileRooms } from './rooms.ts'
import { routerReport, routesOfRouters } from './router/router-report.ts'

/** What acting found out, for the report. */
export type Findings = {
  shortage?: string
  progress?: Progress
  /** Why the router cannot be started now. */
  routerProblem?: string
}

export async function report(
  facts: Facts,
  memory: EndpointMemory,
  tools: LookTools,
  findings: Findings,
  { store }: { readonly store: boolean },
): Promise<void> {
  const { rooms, note } = tools
  const now = rooms.clock.now()
  const derived = deriveStatus({
    paused: facts.endpoint.paused,
    wanted: facts.wanted,
    revision: facts.newest.number,
    fallback: facts.fallback,
    replicas: facts.replicas,
    failure: memory.failures.get(facts.newest.number),
    shortage: findings.shortage,
    progress: findings.progress ?? startProgress(facts.replicas, tools),
  })
  const there = [...facts.replicas, ...facts.routers].map(({ id }) => id)
  memory.keepOnly(new Set(there), revisionsToKeep(facts))
  const router = routerReport(facts, memory, tools, findings)
  const record: StatusRecord = {
    endpointId: facts.endpoint.id,
    ...derived,
    targetReplica: facts.wanted,
    observedGeneration: facts.endpoint.generation,
    lastUsedAt: memory.lastUsedAt ?? null,
    ...(router && { router }),
    failures: [...memory.failures.values()],
    lastReadyRevision: memory.lastReadyRevision ?? null,
    startTimes: memory.startTimes,
    start: expectedStart(facts, memory, derived.progress, now),
    footprint: memory.footprint ?? null,
    at: now,
  }
  const fallback = await fallbackOf(facts.endpoint, rooms)
  const routers = routesOfRouters(facts, memory, tools)
  rooms.publish({
    ...routeOf(facts, memory, record, rooms),
    ...(routers.length > 0 && { routers }),
    ...(fallback && { fallback }),
  })
  memory.lastReplicas = facts.replicas
  rooms.looked(facts.endpoint, record, facts.replicas, facts.target)
  if (!store || sameReport(memory.lastReport, record)) return
  const before = memory.lastReport?.state ?? null
  if (before !== record.state) {
    const details = { from: before, to: record.state }
    note(facts.endpoint, 'state.changed', `${before ?? 'new'} → ${record.state}: ${record.message}`, details)
  }
  memory.lastReport = record
  await rooms.store.statuses.set(record)
  rooms.reported(facts.endpoint.id)
}

function sameReport(before: StatusRecord | undefined, after: StatusRecord): boolean {
  return before !== undefined && JSON.stringify({ ...before, at: 0 }) === JSON.stringify({ ...after, at: 0 })
}

/** An engine that answers its health route with a no has begun and loads. */
function startProgress(replicas: readonly Replica[], { prober }: LookTools): Progress | undefined {
  const starting = replicas.filter((replica) => replica.phase === 'starting')
  if (starting.length === 0) return undefined
  const isLoading = starting.some(({ id }) => prober.probe(id)?.state === 'loading')
  return { phase: isLoading ? 'loading' : 'starting' }
}

/** From the start under way that is the furthest; while files are fetched it lies ahead. */
function expectedStart(
  { replicas, running }: Facts,
  memory: EndpointMemory,
  progress: Progress | null,
  now: number,
): ExpectedStart | null {
  const estimate = startEstimate(memory.startTimes)
  if (!estimate) return null
  if (progress?.phase === 'downloading') {
    return progress.etaMs === undefined ? null : { ...estimate, since: now + progress.etaMs }
  }
  const starting = new Set(replicas.filter(({ phase }) => phase === 'starting').map(({ id }) => id))
  const begun = running.filter(({ id }) => starting.has(id)).map(({ startedAt }) => startedAt)
  return { ...estimate, since: begun.length > 0 ? Math.min(...begun) : null }
}

/** The key of a server elsewhere goes to the gateways, as those of replicas do; without it there is no such step. */
async function fallbackOf(
  { id, spec }: EndpointRecord,
  { store }: Pick<ReconcileRooms, 'store'>,
): Promise<RoutedFallback | undefined> {
  if (!spec.fallback) return undefined
  const { endpoint, external, on = fallbackReasons } = spec.fallback
  if (endpoint !== undefined) return { on, to: { kind: 'endpoint', name: endpoint } }
  if (!external) return undefined
  const { baseUrl, model, secret } = external
  const key = (await store.secrets.reveal(id))[secret]
  return key === undefined ? undefined : { on, to: { kind: 'external', baseUrl, model, key } }
}

function routeOf(
  facts: Facts,
  memory: EndpointMemory,
  status: StatusRecord,
  rooms: ReconcileRooms,
): RoutedEndpoint {
  const { spec, id, namespace } = facts.endpoint
  const { measure } = spec.compute.scaling
  const phases = new Map(facts.replicas.map((replica) => [replica.id, replica.phase]))
  return {
    id,
    namespace,
    name: spec.name,
    access: spec.type,
    ...(cachesAnswers(spec) && { cache: { revision: facts.newest.runs, task: spec.model.task } }),
    ...(spec.cors && { origins: spec.cors.origins }),
    state: status.state,
    message: status.message,
    failure: status.errorMessage,
    start: status.state === 'running' ? null : (status.start ?? null),
    ...servingOf(facts, rooms),
    ...(facts.aim.artifact.adapters && { adapters: facts.aim.artifact.adapters.map(({ name }) => name) }),
    ...(measure && 'slo' in measure && { objective: measure.slo }),
    replicas: facts.running.flatMap((replica) => {
      const draining = memory.drainingSince.has(replica.id)
      if (replica.state !== 'running' || !(draining || phases.get(replica.id) === 'ready')) return []
      const apiKey = rooms.replicaKey(replica.id)
      return [
        {
          id: replica.id,
          ...replica.address,
          apiKey,
          ...adaptersOf(replica, facts, rooms),
          state: draining ? ('draining' as const) : ('ready' as const),
        },
      ]
    }),
  }
}

/** Of the revision that a replica was started from, since an adapter may have been another one then. */
function adaptersOf(
  replica: RunningReplica,
  { revisions }: Facts,
  rooms: ReconcileRooms,
): Pick<RoutedReplica, 'adapters'> {
  const revision = revisions.get(replica.revision)
  const adapters = revision?.artifact.adapters
  const support = revision && rooms.engine(revision.engine, replica.runtime)?.adapters
  if (!adapters || !support) return {}
  const routed = adapters.map((adapter, place): [string, RoutedAdapter] => [
    adapter.name,
    { hash: adapter.hash, members: support.members(adapter, place) },
  ])
  return { adapters: Object.fromEntries(routed) }
}

/**
 * How requests reach the replicas: by the engine of those that are wanted now, and by what was asked last, which needs
 * no new replicas.
 */
function servingOf(
  { aim, endpoint, runtime }: Facts,
  rooms: ReconcileRooms,
): Pick<RoutedEndpoint, 'routing' | 'vitals' | 'tasks' | 'limits'> {
  const { limits, routing } = endpoint.spec
  const engine = rooms.engine(aim.engine, runtime)
  const launched = { image: aim.image, args: aim.spec.model.args, servedName: endpointKey(endpoint) }
  const vitals = engine?.vitals(launched)
  const tasks = engine?.tasks?.({ ...launched, task: aim.spec.model.task })
  return {
    routing: routingRules(engine?.intake(launched) ?? UNKNOWN_INTAKE, routing),
    ...(vitals && { vitals }),
    ...(tasks && { tasks }),
    ...(limits && Object.keys(limits).length > 0 && { limits }),
  }
}
