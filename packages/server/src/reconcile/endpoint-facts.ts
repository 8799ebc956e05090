/** Everything a look reads: what is wanted from the store, what is there from the runtime. */
import {
  type EndpointRecord,
  endpointKey,
  type Revision,
  type ScaleTarget,
  wantedReplicas,
} from '../domain/endpoint.ts'
import { PlatformError } from '../domain/errors.ts'
import type { EndpointId, Replica } from '../domain/replica.ts'
import { isReplica, type RunningReplica } from '../runtime/driver.ts'
import type { EndpointMemory } from './endpoint-memory.ts'
import type { LookTools } from './look-tools.ts'
import { observe } from './observe.ts'

export type Facts = {
  readonly endpoint: EndpointRecord
  /** Whose replicas the newest accepted change runs. */
  readonly newest: Revision
  /** Whose replicas are wanted now: the newest, or the last good one when the newest does not come up. */
  readonly aim: Revision
  readonly fallback: number | undefined
  readonly target: ScaleTarget | undefined
  readonly wanted: number
  readonly running: readonly RunningReplica[]
  /** What runs of its own router; more than one while it changes. */
  readonly routers: readonly RunningReplica[]
  /** That of the aim's replicas, where there are several runtimes and any replica. */
  readonly runtime: string | undefined
  /** Those that running replicas were started from. */
  readonly revisions: ReadonlyMap<number, Revision>
  readonly replicas: readonly Replica[]
}

export async function readFacts(
  id: EndpointId,
  memory: EndpointMemory,
  tools: LookTools,
): Promise<Facts | undefined> {
  const { store } = tools.rooms
  const endpoint = await store.endpoints.get(id)
  if (!endpoint) return undefined
  const accepted = await store.revisions.get(id, endpoint.generation)
  const newest =
    accepted && (accepted.runs === accepted.number ? accepted : await store.revisions.get(id, accepted.runs))
  if (!newest)
    throw new PlatformError(
      'internal',
      `Endpoint ${endpointKey(endpoint)} has lost revision ${endpoint.generation}.`,
    )

  const fallback = await fallbackFor(newest, memory, tools)
  const target = await store.scaleTargets.get(id)
  const all = await whatRunsOf(id, tools)
  const running = all.filter(isReplica)
  const aim = fallback ?? newest
  return {
    endpoint,
    newest,
    aim,
    fallback: fallback?.number,
    target,
    wanted: wantedReplicas(endpoint, target),
    running,
    routers: all.filter((one) => one.role === 'router'),
    runtime: running.find((replica) => replica.revision === aim.number)?.runtime,
    revisions: await revisionsOf(all, [newest, ...(fallback ? [fallback] : [])], tools),
    replicas: running.map((replica) => look(replica, memory, tools)),
  }
}

/** Nearly always the newest is the only one. */
async function revisionsOf(
  running: readonly RunningReplica[],
  known: readonly Revision[],
  { rooms }: LookTools,
): Promise<ReadonlyMap<number, Revision>> {
  const revisions = new Map(known.map((revision) => [revision.number, revision]))
  for (const { endpointId, revision } of running) {
    if (revisions.has(revision)) continue
    const older = await rooms.store.revisions.get(endpointId, revision)
    if (older) revisions.set(revision, older)
  }
  return revisions
}

/** Replicas and routers of the endpoint that nobody is stopping. */
async function whatRunsOf(id: EndpointId, { rooms, stops }: LookTools): Promise<RunningReplica[]> {
  const all = await rooms.driver.list()
  return all.filter((replica) => replica.endpointId === id && !stops.isStopping(replica.id))
}

/** The last revision that was ready, when the newest has failed for good. */
async function fallbackFor(
  newest: Revision,
  memory: EndpointMemory,
  tools: LookTools,
): Promise<Revision | undefined> {
  const last = memory.lastReadyRevision
  if (!memory.failures.get(newest.number)?.final || last === undefined || last >= newest.number)
    return undefined
  return tools.rooms.store.revisions.get(newest.endpointId, last)
}

function look(
  running: RunningReplica,
  memory: EndpointMemory,
  { prober, drains, rooms }: LookTools,
): Replica {
  return observe({
    running,
    probe: prober.probe(running.id),
    drainingSince: memory.drainingSince.get(running.id),
    drained: drains.isDrained(running.id, rooms.gateways()),
    stuckSince: memory.stuck.get(running.id)?.at,
  })
}

/** Revisions whose files and failures still matter. */
export function revisionsToKeep(facts: Facts): Set<number> {
  const wanted = facts.wanted > 0 ? [facts.aim.number] : []
  return new Set([facts.newest.number, ...wanted, ...facts.running.map((replica) => replica.revision)])
}
