/** One trace, every rule, each swept over its target; and the score of the promise-driven autoscaler among them. */
import type { LatencySlo } from '@berth/server/domain/scale/scale-spec'
import { fixed, hpa, knative, kubeai, ray } from './baselines/baselines.ts'
import { berthPolicy } from './berth-policy.ts'
import type { Hardship } from './fleet.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import { costAt } from './pareto.ts'
import type { Policy } from './policy.ts'
import type { ReplicaProfile } from './profiles.ts'
import type { Trace } from './trace.ts'
import { play } from './world.ts'

export type Match = {
  readonly trace: Trace
  readonly profile: ReplicaProfile
  readonly slo: LatencySlo
  readonly hardship: Hardship
  readonly max: number
  readonly seed: number
}

export type Contest = {
  readonly trace: string
  readonly profile: string
  readonly slo: LatencySlo
  readonly ours: Outcome
  readonly outcomes: readonly Outcome[]
  readonly score: Score
}

/** Replica-hours of ours divided by those of others; null where they do not reach our attainment. */
export type Score = {
  readonly overBest: number | null
  /** The same against a fixed count, which has no cold starts to suffer and never a night off. */
  readonly overStatic: number | null
  readonly overHfDefault: number
  /** The same at equal attainment, by whichever of its settings. */
  readonly overHf: number | null
  /** Ours minus HF's, in points of a hundred. */
  readonly attainmentOverHf: number
}

const TARGETS = {
  hf: [1.5, 3, 5, 8, 12, 16, 24, 32, 48],
  kpa: [3, 5, 8, 12, 16, 24, 32, 48],
  hpa: [3, 5, 8, 12, 16, 24, 32, 48],
  kubeai: [3, 5, 8, 12, 16, 24, 32, 48],
  ray: [2, 5, 8, 12, 16, 24, 32, 48],
  static: [1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32],
} as const

export const HF_DEFAULT = 'hf 1.5'
export const OURS = 'berth slo'
const BEGIN_WITH = 2
const UNBOUNDED = { min: 1, idleTimeoutMs: null, warmHours: [], cost: null } as const

export function contest(match: Match): Contest {
  const outcomes = baselines(match).map((policy) => run(match, policy))
  const pending = pendingPolicy(match, 'berth pending', 'berth', 1.5, false)
  const ours = run(match, sloPolicy(match))
  const { trace, profile, slo } = match
  const score = scoreOf(ours, outcomes)
  return {
    trace: trace.name,
    profile: profile.name,
    slo,
    ours,
    outcomes: [...outcomes, run(match, pending)],
    score,
  }
}

export function run(match: Match, policy: Policy): Outcome {
  const { trace, profile, slo, hardship, max, seed } = match
  const beginWith = policy.family === 'static' ? policy.decide(NOTHING, 0) : BEGIN_WITH
  return outcomeOf(play({ trace, profile, slo, policy, max, beginWith, hardship, seed }), slo, policy)
}

export function scoreOf(ours: Outcome, baselineOutcomes: readonly Outcome[]): Score {
  const over = (isMeant: (family: string) => boolean) => {
    const others = baselineOutcomes.filter(({ family }) => isMeant(family))
    const cost = costAt(ours.attainment, others)
    return cost === null ? null : ours.replicaHours / cost
  }
  const hf = baselineOutcomes.find((outcome) => outcome.policy === HF_DEFAULT)!
  return {
    overBest: over((family) => family !== 'static'),
    overStatic: over((family) => family === 'static'),
    overHf: over((family) => family === 'hf'),
    overHfDefault: ours.replicaHours / hf.replicaHours,
    attainmentOverHf: 100 * (ours.attainment - hf.attainment),
  }
}

export function baselines(match: Match): Policy[] {
  return [
    ...TARGETS.static.filter((count) => count <= match.max).map(fixed),
    ...TARGETS.hf.map((target) => pendingPolicy(match, `hf ${target}`, 'hf', target, true)),
    ...TARGETS.kpa.map(knative),
    ...TARGETS.hpa.map(hpa),
    ...TARGETS.kubeai.map(kubeai),
    ...TARGETS.ray.map(ray),
  ]
}

export function sloPolicy({ slo, profile, max }: Match): Policy {
  const measure = { kind: 'slo', slo, profile } as const
  return berthPolicy({
    name: OURS,
    family: 'berth',
    spec: { ...UNBOUNDED, max, measure },
    beginWith: BEGIN_WITH,
  })
}

function pendingPolicy(
  { max }: Match,
  name: string,
  family: string,
  perReplica: number,
  oneAtATime: boolean,
) {
  const measure = { kind: 'pendingRequests', perReplica, oneAtATime } as const
  return berthPolicy({ name, family, spec: { ...UNBOUNDED, max, measure }, beginWith: BEGIN_WITH })
}

const NOTHING = {
  arrivals: 0,
  pending: 0,
  waiting: 0,
  inFlight: 0,
  hardwareUsage: null,
  ready: 0,
  starting: 0,
  tokens: null,
}
