/** The traffic of an endpoint once more, under the policy it has, the one that is asked about and one to suggest. */
import type { LatencyObjective, Scaling, ScalingMeasure } from '@berth/contract'
import { scaleSpecOf } from '@berth/server/domain/scale/asked-scaling'
import type { LatencySlo } from '@berth/server/domain/scale/scale-spec'
import { berthPolicy } from './berth-policy.ts'
import { EVERYDAY } from './fleet.ts'
import { learnedProfile, type SeenRequest } from './learned-profile.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import type { ReplicaProfile } from './profiles.ts'
import { type Trace, traceOf } from './trace.ts'
import { play } from './world.ts'

/** Fewer teach nothing about a replica, nor about a policy. */
export const LEAST_REQUESTS = 20

export type WhatIfQuestion = {
  readonly requests: readonly SeenRequest[]
  /** When the first of them could have come. */
  readonly beganAt: number
  readonly startTimesMs: readonly number[]
  readonly pricePerHour: number
  readonly present: Scaling
  readonly asked: Scaling | undefined
  /** By what an outcome is judged. */
  readonly objective: LatencyObjective
}

export type WhatIfRow = {
  readonly role: 'present' | 'asked' | 'suggested'
  readonly scaling: Scaling
  readonly outcome: Outcome
  readonly cost: number
}

export type WhatIfAnswer = { readonly profile: ReplicaProfile; readonly rows: readonly WhatIfRow[] }

const PENDING_PER_REPLICA = [1, 1.5, 2, 3, 5, 8, 12, 16, 24, 32] as const

export function whatIf(question: WhatIfQuestion): WhatIfAnswer {
  const { requests, startTimesMs, present, asked, objective } = question
  const profile = learnedProfile(requests, startTimesMs)
  const trace = traceOfRequests(requests)
  const slo: LatencySlo = {
    ...objective,
    firstTokenMsPerPromptToken: objective.firstTokenMsPerInputToken,
  }
  const rowOf = (role: WhatIfRow['role'], scaling: Scaling): WhatIfRow => {
    const outcome = outcomeUnder(scaling, question, { trace, profile, slo })
    return { role, scaling, outcome, cost: outcome.replicaHours * question.pricePerHour }
  }
  const bounds = asked ?? present
  const measures: ScalingMeasure[] = [
    { slo: objective },
    ...PENDING_PER_REPLICA.map((pendingRequests) => ({ pendingRequests })),
  ]
  const candidates = measures.map((measure) => rowOf('suggested', { ...bounds, measure }))
  return {
    profile,
    rows: [
      rowOf('present', present),
      ...(asked ? [rowOf('asked', asked)] : []),
      bestOf(candidates, objective.attainment),
    ],
  }
}

/** The cheapest that keeps the promise; where none does, the one that keeps most of it. */
export function bestOf(rows: readonly WhatIfRow[], attainment: number): WhatIfRow {
  const keeping = rows.filter(({ outcome }) => outcome.attainment >= attainment)
  if (keeping.length === 0) return rows.toSorted((a, b) => b.outcome.attainment - a.outcome.attainment)[0]!
  return keeping.toSorted((a, b) => a.outcome.replicaHours - b.outcome.replicaHours)[0]!
}

function outcomeUnder(
  scaling: Scaling,
  { pricePerHour, beganAt }: WhatIfQuestion,
  { trace, profile, slo }: { trace: Trace; profile: ReplicaProfile; slo: LatencySlo },
): Outcome {
  const spec = scaleSpecOf(scaling, { pricePerHour, profile })
  const { min: beginWith, max } = spec
  const policy = berthPolicy({ name: spec.measure.kind, family: 'berth', spec, beginWith, beganAt })
  const settings = { trace, profile, slo, policy, max, beginWith, hardship: EVERYDAY, seed: 1 }
  return outcomeOf(play(settings), slo, policy)
}

/** What a prefix cache held is left out of the prompts: the replicas of the replay have no such cache. */
function traceOfRequests(requests: readonly SeenRequest[]): Trace {
  return traceOf(
    'what-if',
    requests.map(({ atMs, inputTokens, cachedTokens, outputTokens }) => {
      return { at: atMs, input: Math.max(1, inputTokens - cachedTokens), output: outputTokens }
    }),
  )
}
