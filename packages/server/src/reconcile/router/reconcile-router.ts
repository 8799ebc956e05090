/**
 * The router of an endpoint's own, in one look: seen, told of the replicas, planned as replicas are, and acted on.
 *
 * There is one while there are replicas. It may fail as often as it likes: the gateways choose the replicas themselves
 * wherever none is ready, so nothing here holds up a look.
 */
import {
  isSameRouter,
  ROUTER_HEALTH_ROUTE,
  ROUTER_RESOURCES,
  type RouterSpec,
  routerOf,
} from '../../domain/custom-router.ts'
import { endpointKey } from '../../domain/endpoint.ts'
import { messageOf, PlatformError } from '../../domain/errors.ts'
import { shortage } from '../../domain/memory-ledger.ts'
import type { Replica, ReplicaId } from '../../domain/replica.ts'
import { isFailure, planReplicas, type ReplicaAction } from '../../domain/replica-plan.ts'
import { afterFailure, STABLE_AFTER_MS, startNotBefore } from '../../domain/start-failures.ts'
import { newRouterId } from '../../platform/ids.ts'
import type { ReplicaSpec } from '../../runtime/driver.ts'
import type { Facts } from '../endpoint-facts.ts'
import type { EndpointMemory } from '../endpoint-memory.ts'
import type { Findings } from '../endpoint-report.ts'
import { failureText, isWaiting, lastLines, whatHappened } from '../failure-text.ts'
import type { LookTools } from '../look-tools.ts'
import { observe } from '../observe.ts'
import { placeOf } from '../start-replica.ts'
import type { Backend } from './router-backends.ts'

const START_TIMEOUT_MS = 120_000
const STOP_GRACE_MS = 5_000
const SURGE = 1
const SOON_MS = 1_000
const MAX_EVIDENCE_LINES = 3
const LOOPBACK = '127.0.0.1'

/** What is to be done about the router now; failures are counted already. */
export async function planRouter(
  facts: Facts,
  memory: EndpointMemory,
  tools: LookTools,
): Promise<readonly ReplicaAction[]> {
  learnOfRouters(facts, memory, tools)
  const plan = planNow(facts, memory, tools)
  const failing = plan.flatMap((action) => (isFailure(action) ? [action.replicaId] : []))
  if (failing.length === 0) return withDrainsNoted(plan, memory, tools)
  await Promise.all(failing.map((id) => noteFailure(id, facts, memory, tools)))
  return withDrainsNoted(planNow(facts, memory, tools), memory, tools)
}

function planNow(facts: Facts, memory: EndpointMemory, tools: LookTools): readonly ReplicaAction[] {
  const { generation, spec } = facts.endpoint
  const now = tools.rooms.clock.now()
  return planReplicas(
    {
      revision: generation,
      count: facts.wanted > 0 && routerOf(spec) ? 1 : 0,
      surge: SURGE,
      startTimeoutMs: START_TIMEOUT_MS,
      drainTimeoutMs: tools.rooms.drainTimeoutMs,
      startNotBefore: startNotBefore(memory.routerFailures, generation),
    },
    routersSeen(facts, memory, tools).map((router) => asUsed(router, tools, now)),
    now,
  )
}

/** One that knows no replica takes nobody's place; how long that lasts is not its fault. */
function asUsed(router: Replica, { backends }: LookTools, now: number): Replica {
  const isUseless = router.phase === 'ready' && backends.acknowledged(router.id).length === 0
  return isUseless ? { ...router, phase: 'starting', phaseSince: now } : router
}

function withDrainsNoted(
  plan: readonly ReplicaAction[],
  memory: EndpointMemory,
  { rooms }: LookTools,
): readonly ReplicaAction[] {
  for (const action of plan) {
    if (action.kind === 'drain' && !memory.drainingSince.has(action.replicaId))
      memory.drainingSince.set(action.replicaId, rooms.clock.now())
  }
  return plan
}

/** One that an earlier revision started is as good as new where that one wanted the same. */
export function routersSeen(
  { endpoint, routers, revisions }: Facts,
  memory: EndpointMemory,
  { prober, drains, rooms }: LookTools,
): Replica[] {
  const wanted = routerOf(endpoint.spec)
  return routers.map((running) => {
    const seen = observe({
      running,
      probe: prober.probe(running.id),
      drainingSince: memory.drainingSince.get(running.id),
      drained: drains.isDrained(running.id, rooms.gateways()),
      stuckSince: undefined,
    })
    const asked = revisions.get(running.revision)?.spec
    const isCurrent = asked !== undefined && isSameRouter(routerOf(asked), wanted)
    return isCurrent ? { ...seen, revision: endpoint.generation } : seen
  })
}

/** Probes what is new, notes who became ready, and tells those that answer of the replicas. */
export function learnOfRouters(facts: Facts, memory: EndpointMemory, tools: LookTools): void {
  const { prober, rooms, own } = tools
  for (const router of facts.routers) {
    const { id } = router
    own(id, router.endpointId)
    if (router.state === 'exited') {
      prober.untrack(id)
      continue
    }
    const apiKey = rooms.replicaKey(id)
    const { address, startedAt } = router
    prober.track({ id, address, route: ROUTER_HEALTH_ROUTE, apiKey, startedAt })
    const probe = prober.probe(id)
    const answers = probe?.state === 'ready' || probe?.state === 'loading'
    if (answers && !memory.drainingSince.has(id)) {
      const toTell = { id, address, apiKey, answersSince: probe.since }
      tools.backends.tell(toTell, backendsFor(id, facts, tools))
    }
  }
  for (const router of routersSeen(facts, memory, tools)) {
    if (router.phase === 'ready') learnOfReady(router, facts, memory, tools)
  }
}

function learnOfReady(
  router: Replica,
  facts: Facts,
  memory: EndpointMemory,
  { rooms, note }: LookTools,
): void {
  if (!memory.readySince.has(router.id)) {
    memory.readySince.set(router.id, router.phaseSince)
    note(facts.endpoint, 'router.ready', `Router ${router.id} became ready.`, { router: router.id })
  }
  const isStable = rooms.clock.now() - router.phaseSince >= STABLE_AFTER_MS
  if (isStable && !memory.routerFailures?.final) memory.routerFailures = undefined
}

/** Those that are ready and have a door. */
function backendsFor(id: ReplicaId, { replicas }: Facts, { doors, rooms }: LookTools): Backend[] {
  const open = doors.of(id, rooms.gateways()).doors
  return replicas
    .filter(({ phase }) => phase === 'ready')
    .flatMap((replica) => {
      const door = open.find(({ replicaId }) => replicaId === replica.id)
      return door ? [{ replicaId: replica.id, url: `http://${door.host}:${door.port}` }] : []
    })
}

/** How this machine is reached from where the router runs. */
export const doorHostOf = (router: Extract<Facts['routers'][number], { state: 'running' }>): string =>
  router.hostAddress ?? LOOPBACK

async function noteFailure(
  id: ReplicaId,
  facts: Facts,
  memory: EndpointMemory,
  { rooms, note }: LookTools,
): Promise<void> {
  const running = facts.routers.find((router) => router.id === id)
  if (!running || memory.counted.has(id)) return
  const what = whatHappened(running, memory.readySince.has(id), START_TIMEOUT_MS, undefined)
  const lines = await lastLines(rooms.driver, id)
  memory.counted.add(id)
  countFailure(facts, memory, rooms.clock.now(), { what, lines, hopeless: false })
  rooms.log.warn('router failed', { endpoint: endpointKey(facts.endpoint), router: id, what })
  note(facts.endpoint, 'router.failed', `${what} Berth chooses the replica meanwhile.`, { router: id })
}

function countFailure(
  { endpoint }: Facts,
  memory: EndpointMemory,
  now: number,
  {
    what,
    lines,
    hopeless,
  }: { readonly what: string; readonly lines: readonly string[]; readonly hopeless: boolean },
): void {
  const evidence = lines.slice(-MAX_EVIDENCE_LINES)
  const failure = {
    cause: 'unknown' as const,
    summary: what,
    remedy: 'Its log tells more: `berth logs`.',
    evidence,
  }
  const reason = lines.length > 0 ? failureText(what, lines) : what
  const failed = { revision: endpoint.generation, reason, failure, hopeless }
  memory.routerFailures = afterFailure(memory.routerFailures, failed, now)
}

export async function carryOutForRouter(
  action: ReplicaAction,
  facts: Facts,
  memory: EndpointMemory,
  tools: LookTools,
  findings: Findings,
): Promise<void> {
  switch (action.kind) {
    case 'drain':
      return // Remembered already, and published.
    case 'stop':
      return stopRouter(action.replicaId, action.reason, facts, tools)
    case 'start':
      return startRouter(facts, memory, tools, findings)
    default:
      return action satisfies never
  }
}

function stopRouter(id: ReplicaId, reason: string, { endpoint }: Facts, tools: LookTools): void {
  const { prober, stops, drains, note, rooms } = tools
  prober.untrack(id)
  stops.begin(id, STOP_GRACE_MS, () => {
    drains.forget(id)
    forgetRouter(id, tools)
    rooms.log.info('router stopped', { endpoint: endpointKey(endpoint), router: id, reason })
    note(endpoint, 'router.stopped', `Router ${id} stopped: ${reason}.`, { router: id, reason })
  })
}

export function forgetRouter(id: ReplicaId, { backends, doors }: LookTools): void {
  backends.forget(id)
  doors.forget(id)
}

async function startRouter(
  facts: Facts,
  memory: EndpointMemory,
  tools: LookTools,
  findings: Findings,
): Promise<void> {
  const { endpoint } = facts
  const router = routerOf(endpoint.spec)
  if (!router) return
  try {
    const problem = await tools.startAlone(() => startWhereItFits(router, facts, memory, tools))
    if (problem) findings.routerProblem = problem
  } catch (error) {
    const what = messageOf(error)
    if (isWaiting(error)) {
      findings.routerProblem = what
      return
    }
    const hopeless = error instanceof PlatformError && error.code === 'invalid'
    countFailure(facts, memory, tools.rooms.clock.now(), { what, lines: [], hopeless })
    tools.rooms.log.warn('a router could not be started', { endpoint: endpointKey(endpoint), error: what })
    tools.note(endpoint, 'router.failed', `${what} Berth chooses the replica meanwhile.`, {})
  }
}

/** @returns why it does not fit now. */
async function startWhereItFits(
  router: RouterSpec,
  facts: Facts,
  memory: EndpointMemory,
  tools: LookTools,
): Promise<string | undefined> {
  const { rooms, note, own } = tools
  const { endpoint, aim } = facts
  const { instanceTypes, total } = await rooms.driver.capacity()
  const running = (await rooms.driver.list()).filter(({ state }) => state === 'running')
  const reserved = running.map(({ resources }) => resources)
  const short = shortage(ROUTER_RESOURCES, reserved, total, 'its router')
  if (short) return short
  const { runtime } = placeOf(aim, instanceTypes)
  const id = newRouterId(endpoint.id)
  const spec: ReplicaSpec = {
    id,
    endpointId: endpoint.id,
    endpoint: endpointKey(endpoint),
    revision: endpoint.generation,
    plan: rooms.routerPlan(router, rooms.replicaKey(id), runtime ?? rooms.driver.name),
    env: router.env,
    resources: ROUTER_RESOURCES,
    runtime,
    role: 'router',
  }
  own(id, endpoint.id)
  memory.startedHere.add(id)
  await rooms.driver.start(spec)
  rooms.log.info('router started', { endpoint: spec.endpoint, router: id })
  note(endpoint, 'router.started', `Router ${id} started from ${router.tag}.`, { router: id })
  return undefined
}

/** @returns milliseconds until the next look that the router needs. */
export function lookAtRouterAgainMs(facts: Facts, memory: EndpointMemory, tools: LookTools): number {
  const seen = routersSeen(facts, memory, tools)
  const isMoving = seen.some(({ id, phase }) => phase !== 'ready' || tools.backends.problem(id) !== undefined)
  if (isMoving) return SOON_MS
  if (seen.length > 0 || facts.wanted === 0 || !routerOf(facts.endpoint.spec)) return Number.POSITIVE_INFINITY
  const notBefore = startNotBefore(memory.routerFailures, facts.endpoint.generation)
  return Number.isFinite(notBefore) ? Math.max(SOON_MS, notBefore - tools.rooms.clock.now()) : notBefore
}
