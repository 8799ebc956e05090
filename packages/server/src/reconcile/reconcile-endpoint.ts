/**
 * One look at one endpoint: read, decide, act, report.
 *
 * The order of those four words is the whole design. What is wanted comes from the store, what is there comes from
 * the runtime, the decision is pure, and the status is written once, at the end, whatever happened. A server that
 * crashed half way through starts with a look.
 */
import type { FailureCause } from '@berth/contract'
import { examineRefusal, examineStart } from '../domain/autopsy/start-autopsy.ts'
import { endpointKey } from '../domain/endpoint.ts'
import { messageOf, PlatformError } from '../domain/errors.ts'
import type { InstanceType } from '../domain/instance-type.ts'
import { shortage } from '../domain/memory-ledger.ts'
import { overQuota, usedAccelerators } from '../domain/quota.ts'
import type { EndpointId, Replica, ReplicaId } from '../domain/replica.ts'
import { isFailure, planReplicas, type ReplicaAction } from '../domain/replica-plan.ts'
import { STABLE_AFTER_MS, startNotBefore } from '../domain/start-failures.ts'
import { startEstimate, withStartTime } from '../domain/start-times.ts'
import type { RunningReplica } from '../runtime/driver.ts'
import { type Facts, readFacts, revisionsToKeep } from './endpoint-facts.ts'
import type { EndpointMemory } from './endpoint-memory.ts'
import { type Findings, report } from './endpoint-report.ts'
import { failureText, isWaiting, lastLines, whatHappened } from './failure-text.ts'
import type { LookTools } from './look-tools.ts'
import { measureFootprint } from './measure-footprint.ts'
import { prepareNext } from './prepare-next.ts'
import type { ReconcileRooms } from './rooms.ts'
import {
  carryOutForRouter,
  forgetRouter,
  learnOfRouters,
  lookAtRouterAgainMs,
  planRouter,
} from './router/reconcile-router.ts'
import { healthRouteOf, type Place, placeOf, replicaSpec, startTimeoutMs } from './start-replica.ts'

const SOON_MS = 1_000
const RESYNC_MS = 30_000
const SURGE = 1
const DEFAULT_GRACE_MS = 10_000
/** The same start would end in the same way. */
const NEVER_BETTER: ReadonlySet<FailureCause> = new Set(['bad_argument', 'unsupported_architecture'])
/** A replica that is probed this soon after it was started was probed all the time. */
const SEEN_FROM_START_MS = 2_000

/** @returns milliseconds until the next look, or `undefined` if the endpoint and all of its replicas are gone. */
export async function reconcileEndpoint(
  id: EndpointId,
  memory: EndpointMemory,
  tools: LookTools,
): Promise<number | undefined> {
  const facts = await readFacts(id, memory, tools)
  if (!facts) return removeWhatIsLeft(id, memory, tools)

  learn(facts, memory, tools)
  await noteImages(facts, tools.rooms)
  const routerPlan = await planRouter(facts, memory, tools)
  let plan = planNow(facts, memory, tools.rooms)
  const failing = plan.flatMap((action) => (isFailure(action) ? [action.replicaId] : []))
  if (failing.length > 0) {
    // Counted before anything is started again, so that the back-off holds from the first failure on.
    await Promise.all(failing.map((replicaId) => noteFailure(replicaId, facts, memory, tools)))
    plan = planNow(facts, memory, tools.rooms)
  }

  const findings: Findings = {}
  const hasPlan = plan.length + routerPlan.length > 0
  const now = tools.rooms.clock.now()
  for (const action of plan) if (action.kind === 'drain') noteDrain(action.replicaId, facts, memory, tools)
  // The gateways hear of what is ready and what drains before anything is stopped.
  await report(facts, memory, tools, findings, { store: !hasPlan })
  await Promise.all(plan.map((action) => carryOut(action, facts, memory, tools, findings)))
  await Promise.all(routerPlan.map((action) => carryOutForRouter(action, facts, memory, tools, findings)))
  if (hasPlan) await reportAgain(id, memory, tools, findings)

  tools.fetches.releaseAllBut(id, revisionsToKeep(facts))
  await prepareNext(facts, memory, tools)
  void measureFootprint(facts, memory, tools.rooms).then((isNews) => isNews && tools.again(id))
  const againMs = lookAgainMs(facts, memory, { acted: hasPlan, short: findings.shortage !== undefined, now })
  return Math.min(againMs, lookAtRouterAgainMs(facts, memory, tools))
}

function planNow(facts: Facts, memory: EndpointMemory, rooms: ReconcileRooms): ReplicaAction[] {
  const revision = facts.aim.number
  return planReplicas(
    {
      revision,
      count: facts.wanted,
      surge: SURGE,
      startTimeoutMs: startTimeoutMs(rooms, facts.aim, facts.runtime),
      drainTimeoutMs: rooms.drainTimeoutMs,
      startNotBefore: startNotBefore(memory.failures.get(revision), revision),
    },
    facts.replicas,
    rooms.clock.now(),
  )
}

function lookAgainMs(
  { aim, replicas, wanted }: Facts,
  memory: EndpointMemory,
  { acted, short, now }: { readonly acted: boolean; readonly short: boolean; readonly now: number },
): number {
  if (acted) return short ? 2 * SOON_MS : SOON_MS
  if (replicas.some((replica) => replica.phase !== 'ready')) return SOON_MS
  const current = replicas.filter((replica) => replica.revision === aim.number).length
  const notBefore = startNotBefore(memory.failures.get(aim.number), aim.number)
  if (current < wanted && Number.isFinite(notBefore)) return Math.max(0, notBefore - now)
  return RESYNC_MS
}

function noteDrain(
  replica: ReplicaId,
  facts: Facts,
  memory: EndpointMemory,
  { rooms, note }: LookTools,
): void {
  if (memory.drainingSince.has(replica)) return
  memory.drainingSince.set(replica, rooms.clock.now())
  const message = `Replica ${replica} takes nothing new and finishes what it has.`
  note(facts.endpoint, 'replica.draining', message, { replica })
}

async function noteFailure(
  replicaId: ReplicaId,
  facts: Facts,
  memory: EndpointMemory,
  tools: LookTools,
): Promise<void> {
  const { rooms, note } = tools
  const running = facts.running.find((replica) => replica.id === replicaId)
  if (!running || memory.counted.has(replicaId)) return
  const wasReady = memory.readySince.has(replicaId)
  const stuck = memory.stuck.get(replicaId)?.evidence
  const what = whatHappened(running, wasReady, startTimeoutMs(rooms, facts.aim, running.runtime), stuck)
  const probes = tools.prober.probe(replicaId)?.history
  const lines = await lastLines(rooms.driver, replicaId)
  const exit = running.state === 'exited' ? running : undefined
  const failure = examineStart({
    exitCode: exit?.exitCode ?? null,
    endedBecause: exit?.reason,
    wasReady,
    lines,
    probes,
    healthRoute: healthRouteOf(rooms, facts.aim),
  })
  memory.counted.add(replicaId)
  const { cause, summary, remedy } = failure
  const known = cause === 'unknown' ? '' : `${summary} ${remedy}\n`
  const hopeless = exit !== undefined && !wasReady && NEVER_BETTER.has(cause)
  const now = rooms.clock.now()
  memory.fail(running.revision, known + failureText(what, lines), { failure, hopeless, now })
  const { revision } = running
  rooms.log.warn('replica failed', { endpoint: endpointKey(facts.endpoint), replica: replicaId, what, cause })
  const message = cause === 'unknown' ? what : `${what} ${summary} ${remedy}`
  note(facts.endpoint, 'replica.failed', message, { replica: replicaId, revision, cause })
}

/** Starts to probe what is new, and notes who became ready. */
function learn(facts: Facts, memory: EndpointMemory, tools: LookTools): void {
  const { prober, rooms, own } = tools
  for (const replica of facts.running) {
    own(replica.id, replica.endpointId)
    if (replica.state === 'exited') prober.untrack(replica.id)
    else {
      // The newest may have failed for its very route, and the one before is probed by its own.
      const revision = replica.revision === facts.aim.number ? facts.aim : facts.newest
      const route = healthRouteOf(rooms, revision)
      const { id, address, startedAt } = replica
      const usual = startEstimate(memory.startTimes)
      const apiKey = rooms.replicaKey(id)
      prober.track({ id, address, route, apiKey, startedAt, ...(usual && { usual }) })
    }
  }
  for (const replica of facts.replicas) {
    if (replica.phase !== 'ready') continue
    if (!memory.readySince.has(replica.id)) noteReady(replica, facts, memory, tools)
    const stable = rooms.clock.now() - replica.phaseSince >= STABLE_AFTER_MS
    if (stable && !memory.failures.get(replica.revision)?.final) memory.failures.delete(replica.revision)
  }
}

/** What a tag meant when the first container of a revision was made: the next ones run the same. */
async function noteImages({ running, revisions }: Facts, { store }: ReconcileRooms): Promise<void> {
  for (const { endpointId, revision, imageDigest } of running) {
    if (!imageDigest || revisions.get(revision)?.imageDigest) continue
    await store.revisions.noteImage(endpointId, revision, imageDigest)
  }
}

function noteReady(replica: Replica, facts: Facts, memory: EndpointMemory, tools: LookTools): void {
  const { rooms, note, prober } = tools
  const running = facts.running.find(({ id }) => id === replica.id)
  const startedAt = running?.startedAt ?? replica.phaseSince
  memory.readySince.set(replica.id, replica.phaseSince)
  memory.lastReadyRevision = Math.max(memory.lastReadyRevision ?? 0, replica.revision)
  const tookMs = replica.phaseSince - startedAt
  // Of what an earlier process started nobody saw when it became ready.
  const trackedSince = prober.probe(replica.id)?.trackedSince ?? Number.POSITIVE_INFINITY
  if (trackedSince - startedAt <= SEEN_FROM_START_MS) {
    memory.startTimes = withStartTime(memory.startTimes, tookMs)
  }
  const endpoint = endpointKey(facts.endpoint)
  rooms.log.info('replica became ready', { endpoint, replica: replica.id, tookMs })
  note(facts.endpoint, 'replica.ready', `Replica ${replica.id} became ready.`, {
    replica: replica.id,
    revision: replica.revision,
    tookMs,
    // What a tag meant when it ran: a tag can be moved, and the event stays.
    ...(running?.imageDigest && { imageDigest: running.imageDigest }),
  })
}

async function carryOut(
  action: ReplicaAction,
  facts: Facts,
  memory: EndpointMemory,
  tools: LookTools,
  findings: Findings,
): Promise<void> {
  try {
    switch (action.kind) {
      case 'drain':
        return // Remembered and published already.
      case 'stop':
        return stopReplica(action.replicaId, action.reason, facts, tools)
      case 'start':
        return await startOne(facts, memory, tools, findings)
      default:
        return action satisfies never
    }
  } catch (error) {
    if (isWaiting(error)) {
      findings.shortage = error.message
      return
    }
    const endpoint = endpointKey(facts.endpoint)
    tools.rooms.log.warn('could not carry out a step', {
      endpoint,
      step: action.kind,
      error: messageOf(error),
    })
    if (action.kind !== 'start') return
    const hopeless = error instanceof PlatformError && error.code === 'invalid'
    const reason = error instanceof PlatformError ? error.reason : undefined
    const failure = examineRefusal(reason, messageOf(error))
    memory.fail(facts.aim.number, messageOf(error), { failure, hopeless, now: tools.rooms.clock.now() })
  }
}

async function startOne(
  facts: Facts,
  memory: EndpointMemory,
  tools: LookTools,
  findings: Findings,
): Promise<void> {
  const { rooms, fetches } = tools
  const { endpoint, aim } = facts
  const token = await hubToken(facts, rooms)
  const fetched = fetches.want(endpoint.id, aim.number, aim.artifact, token)
  if (fetched.state === 'failed') {
    fetches.releaseAllBut(endpoint.id, revisionsToKeep(facts))
    throw fetched.error
  }
  if (fetched.state === 'fetching') {
    // What lies on this machine already has nothing to report.
    findings.progress = fetched.progress
      ? { phase: 'downloading', ...fetched.progress }
      : { phase: 'starting' }
    return
  }
  const { instanceTypes, total } = await rooms.driver.capacity()
  const place = placeOf(aim, instanceTypes)
  await tools.startAlone(async () => {
    const running = (await rooms.driver.list()).filter((replica) => replica.state === 'running')
    const reserved = running.map((replica) => replica.resources)
    const short =
      shortage(place.resources, reserved, total) ??
      (await beyondQuota(facts, place, running, instanceTypes, rooms))
    if (short) {
      findings.shortage = short
      return
    }
    const { path: modelPath, adapterPaths } = fetched
    const files = { modelPath, ...(adapterPaths && { adapterPaths }) }
    const id = memory.next?.revision === aim.number ? memory.next.id : undefined
    const spec = await replicaSpec(rooms, endpoint, aim, { ...place, ...files, id })
    memory.next = undefined
    tools.own(spec.id, endpoint.id)
    memory.startedHere.add(spec.id)
    await rooms.driver.start(spec)
    const { id: replica, revision } = spec
    rooms.log.info('replica started', { endpoint: spec.endpoint, replica, revision })
    const details = { replica, revision, endpointId: endpoint.id }
    tools.note(endpoint, 'replica.started', `Replica ${replica} started.`, details)
  })
}

/** What an earlier revision still has is given up for this one, so that a change needs no quota to spare. */
async function beyondQuota(
  { endpoint, aim }: Facts,
  { instance }: Pick<Place, 'instance'>,
  running: readonly RunningReplica[],
  offers: readonly InstanceType[],
  { store }: Pick<ReconcileRooms, 'store'>,
): Promise<string | undefined> {
  if (instance.maxAccelerators === undefined) return undefined
  const endpoints = await store.endpoints.list(endpoint.namespace)
  const counted = running.filter(
    ({ endpointId, revision }) => endpointId !== endpoint.id || revision === aim.number,
  )
  const used = usedAccelerators(instance, endpoints, counted, offers)
  return overQuota(instance, endpoint.namespace, { replicas: 1, used })
}

async function hubToken({ endpoint, aim }: Facts, rooms: ReconcileRooms): Promise<string | undefined> {
  if (aim.artifact.source !== 'hub') return undefined
  const secrets = await rooms.store.secrets.reveal(endpoint.id)
  return secrets['HF_TOKEN'] ?? aim.spec.model.env['HF_TOKEN'] ?? rooms.hubToken
}

function stopReplica(
  replicaId: ReplicaId,
  reason: Extract<ReplicaAction, { kind: 'stop' }>['reason'],
  facts: Facts,
  tools: LookTools,
): void {
  const { rooms, prober, drains, stops, note } = tools
  const endpoint = endpointKey(facts.endpoint)
  prober.untrack(replicaId)
  stops.begin(
    replicaId,
    rooms.engine(facts.aim.engine, facts.runtime)?.stopGraceMs ?? DEFAULT_GRACE_MS,
    () => {
      drains.forget(replicaId)
      rooms.log.info('replica stopped', { endpoint, replica: replicaId, reason })
      const details = { replica: replicaId, reason }
      note(facts.endpoint, 'replica.stopped', `Replica ${replicaId} stopped: ${reason}.`, details)
    },
  )
}

/** What acting changed is looked at once more, so that the report is never older than the deed. */
async function reportAgain(
  id: EndpointId,
  memory: EndpointMemory,
  tools: LookTools,
  findings: Findings,
): Promise<void> {
  const facts = await readFacts(id, memory, tools)
  if (!facts) return
  learn(facts, memory, tools)
  learnOfRouters(facts, memory, tools)
  await report(facts, memory, tools, findings, { store: true })
}

/** The endpoint was deleted: the gateways forget it, and its replicas finish what they have and stop. */
async function removeWhatIsLeft(
  id: EndpointId,
  memory: EndpointMemory,
  tools: LookTools,
): Promise<number | undefined> {
  const { rooms, drains, prober, fetches, stops } = tools
  rooms.unpublish(id)
  rooms.forgotten(id)
  const now = rooms.clock.now()
  const left = (await rooms.driver.list()).filter((replica) => replica.endpointId === id)
  for (const { id: replicaId, state } of left) {
    const since = memory.drainingSince.get(replicaId) ?? now
    memory.drainingSince.set(replicaId, since)
    const drained = state === 'exited' || drains.isDrained(replicaId, rooms.gateways())
    // No gateway ever knew it, so none can say that it is done with it.
    const neverServed = memory.startedHere.has(replicaId) && !memory.readySince.has(replicaId)
    if (!drained && !neverServed && now - since < rooms.drainTimeoutMs) continue
    prober.untrack(replicaId)
    stops.begin(replicaId, DEFAULT_GRACE_MS, () => {
      drains.forget(replicaId)
      forgetRouter(replicaId, tools)
    })
  }
  if (left.length > 0) return SOON_MS
  fetches.releaseAllBut(id, new Set())
  const others = await rooms.store.endpoints.list()
  await rooms.driver.keepOnly(new Set(others.map((endpoint) => endpoint.id)))
  return undefined
}
