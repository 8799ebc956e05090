import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Replica, ReplicaId, ReplicaPhase } from './replica.ts'
import { type DesiredReplicas, planReplicas, type ReplicaAction } from './replica-plan.ts'

const NOW = 1_000_000
const OLD = 1
const NEW = 2

const desired = (changes: Partial<DesiredReplicas> = {}): DesiredReplicas => ({
  revision: NEW,
  count: 2,
  surge: 1,
  startTimeoutMs: 60_000,
  drainTimeoutMs: 30_000,
  startNotBefore: 0,
  ...changes,
})

const replica = (id: string, phase: ReplicaPhase, changes: Partial<Replica> = {}): Replica => ({
  id: id as ReplicaId,
  revision: NEW,
  phase,
  phaseSince: NOW - 1_000,
  inFlight: 0,
  ...changes,
})

const start = { kind: 'start', revision: NEW }
const drain = (id: string) => ({ kind: 'drain', replicaId: id })
const stop = (id: string, reason: string) => ({ kind: 'stop', replicaId: id, reason })

describe('planReplicas', () => {
  test.for<{ when: string; desired?: Partial<DesiredReplicas>; observed: Replica[]; plan: object[] }>([
    { when: 'nothing runs yet, it starts the whole count', observed: [], plan: [start, start] },
    {
      when: 'everything is as wanted, it does nothing',
      observed: [replica('a', 'ready'), replica('b', 'starting')],
      plan: [],
    },
    {
      when: 'scaled to zero, it drains and does not cut requests off',
      desired: { count: 0 },
      observed: [replica('a', 'ready', { inFlight: 3 })],
      plan: [drain('a')],
    },
    {
      when: 'scaled down, the one that is not ready goes first and at once',
      desired: { count: 1 },
      observed: [replica('a', 'ready'), replica('b', 'starting')],
      plan: [stop('b', 'not-needed')],
    },
    {
      when: 'a rollout begins, one extra starts and every old one stays',
      observed: [replica('a', 'ready', { revision: OLD }), replica('b', 'ready', { revision: OLD })],
      plan: [start],
    },
    {
      when: 'the new revision has one ready, one old one may leave',
      observed: [
        replica('a', 'ready', { revision: OLD, phaseSince: NOW - 9_000 }),
        replica('b', 'ready', { revision: OLD }),
        replica('c', 'ready'),
      ],
      plan: [drain('b')],
    },
    {
      when: 'a drained replica still has requests and time, it is left alone',
      desired: { count: 0 },
      observed: [replica('a', 'draining', { inFlight: 1 })],
      plan: [],
    },
    {
      when: 'a draining replica has finished, it is stopped',
      desired: { count: 0 },
      observed: [replica('a', 'draining')],
      plan: [stop('a', 'drained')],
    },
    {
      when: 'a drained replica is out of time, it is stopped',
      desired: { count: 0 },
      observed: [replica('a', 'draining', { inFlight: 1, phaseSince: NOW - 30_000 })],
      plan: [stop('a', 'drain-timeout')],
    },
    {
      when: 'one takes too long to start, it is stopped and replaced',
      desired: { count: 1 },
      observed: [replica('a', 'starting', { phaseSince: NOW - 60_000 })],
      plan: [stop('a', 'start-timeout'), start],
    },
    {
      when: 'a replica crashed, it is replaced at once',
      desired: { count: 1 },
      observed: [replica('a', 'failed')],
      plan: [stop('a', 'failed'), start],
    },
    {
      when: 'it keeps crashing, the back-off holds the start',
      desired: { count: 1, startNotBefore: NOW + 1 },
      observed: [replica('a', 'failed')],
      plan: [stop('a', 'failed')],
    },
    {
      when: 'the new revision has failed for good, the old one stays',
      desired: { count: 1, startNotBefore: Number.POSITIVE_INFINITY },
      observed: [replica('a', 'ready', { revision: OLD })],
      plan: [],
    },
  ])('when $when', ({ desired: changes, observed, plan }) => {
    expect(planReplicas(desired(changes), observed, NOW)).toEqual(plan)
  })

  test('never overshoots and never drains below the count, whatever it finds', () => {
    fc.assert(
      fc.property(anyWorld, anyWish, (observed, wish) => {
        const plan = planReplicas(desired(wish), observed, NOW)

        const leaving = new Set(plan.flatMap((action) => (action.kind === 'start' ? [] : [action.replicaId])))
        const left = observed.filter((r) => !leaving.has(r.id) && r.phase !== 'draining')
        const starts = plan.filter((action) => action.kind === 'start').length
        const drained = plan.filter((action) => action.kind === 'drain').map((action) => action.replicaId)

        if (starts > 0) expect(left.length + starts).toBeLessThanOrEqual(wish.count + wish.surge)
        if (observed.some((r) => r.phase === 'ready' && drained.includes(r.id))) {
          expect(left.filter((r) => r.phase === 'ready').length).toBeGreaterThanOrEqual(wish.count)
        }
      }),
    )
  })

  test('reaches what is wanted from anywhere, if what it starts gets ready', () => {
    fc.assert(
      fc.property(anyWorld, anyWish, (begin, wish) => {
        let world = begin
        for (let step = 0; step < 50; step++) {
          world = carriedOut(planReplicas(desired(wish), world, NOW), world, step)
        }

        expect(world.map((r) => `${r.revision} ${r.phase}`)).toEqual(Array(wish.count).fill('2 ready'))
      }),
    )
  })
})

const anyWish = fc.record({ count: fc.nat(5), surge: fc.integer({ min: 1, max: 3 }) })

const anyWorld = fc
  .array(
    fc.record({
      revision: fc.constantFrom(OLD, NEW),
      phase: fc.constantFrom<ReplicaPhase>('starting', 'ready', 'draining', 'failed'),
      phaseSince: fc.integer({ min: NOW - 120_000, max: NOW }),
      inFlight: fc.nat(3),
    }),
    { maxLength: 12 },
  )
  .map((shapes) => shapes.map((shape, i): Replica => ({ id: `r${i}` as ReplicaId, ...shape })))

/** The world one step later, in which every runtime behaves and every request ends. */
function carriedOut(plan: readonly ReplicaAction[], world: readonly Replica[], step: number): Replica[] {
  const did = (kind: 'drain' | 'stop', { id }: Replica) =>
    plan.some((action) => action.kind === kind && action.replicaId === id)

  return [
    ...world
      .filter((r) => !did('stop', r))
      .map(
        (r): Replica => ({ ...r, inFlight: 0, phase: did('drain', r) ? 'draining' : laterPhase[r.phase] }),
      ),
    ...plan
      .filter((action) => action.kind === 'start')
      .map((_, i) => replica(`s${step}-${i}`, 'starting', { phaseSince: NOW })),
  ]
}

const laterPhase = {
  starting: 'ready',
  ready: 'ready',
  draining: 'draining',
  failed: 'failed',
} satisfies Record<ReplicaPhase, ReplicaPhase>
