/**
 * A decision as it is kept: what it was, why, and everything the judgement was given, so that anybody can have it
 * judged again and see the same.
 */
import type { EndpointId } from '../replica.ts'
import { decisionInWords, type ScaleDecision, type ScaleTerm } from './scale-decision.ts'
import type { ScaleSample } from './scale-sample.ts'
import type { ScaleSpec } from './scale-spec.ts'
import { type ScaleState, step } from './step.ts'

/** Newest ones of each endpoint that are kept: weeks of an ordinary one, a day of one that changes each minute. */
export const DECISIONS_KEPT = 1_000

export type DecisionRecord = {
  /** Given by the store, growing. */
  readonly sequence: number
  readonly endpointId: EndpointId
  /** A summary stands for the judgements of an hour that changed nothing; its figures are those of the last one. */
  readonly kind: 'change' | 'summary'
  /** When it was decided; of a summary, when its hour began. */
  readonly at: number
  /** Of a summary, when its hour ended. */
  readonly until: number | null
  readonly from: number
  readonly to: number
  /** `asked`: a person asked for it, and nothing was judged. */
  readonly term: ScaleTerm | 'asked'
  readonly sentence: string
  readonly inputs: Readonly<Record<string, number>>
  readonly alternative: { readonly desired: number; readonly term: ScaleTerm } | null
  readonly holdsUntil: number | null
  readonly infeasible: boolean
  /** Of a summary: how often which rule bound. */
  readonly terms: Readonly<Partial<Record<ScaleTerm, number>>> | null
  readonly judged: Judged | null
}

/** What `step` was given. */
export type Judged = {
  readonly before: ScaleState
  readonly sample: ScaleSample | null
  readonly spec: ScaleSpec
  readonly now: number
}

export type NewDecision = Omit<DecisionRecord, 'sequence'>

/** The same decision once more, from what was kept of it. */
export function judgedAgain({ before, sample, spec, now }: Judged): ReturnType<typeof step> {
  return step(before, sample ?? undefined, spec, now)
}

export function changeRecord(
  endpointId: EndpointId,
  from: number,
  decision: ScaleDecision,
  judged: Judged,
): NewDecision {
  return { ...told(endpointId, from, decision, judged.now), kind: 'change', until: null, terms: null, judged }
}

/** @param since when its hour began. */
export function summaryRecord(
  endpointId: EndpointId,
  since: number,
  terms: Readonly<Partial<Record<ScaleTerm, number>>>,
  last: { readonly decision: ScaleDecision; readonly judged: Judged },
): NewDecision {
  const { decision, judged } = last
  const record = told(endpointId, decision.desired, decision, judged.now)
  return { ...record, kind: 'summary', at: since, until: judged.now, terms, judged }
}

/** @param reason "resumed by ada". */
export function askedRecord(
  endpointId: EndpointId,
  { from, to, reason, at }: { from: number; to: number; reason: string; at: number },
): NewDecision {
  const plain = { inputs: {}, alternative: null, holdsUntil: null, infeasible: false, terms: null }
  const sentence = `${to === 1 ? '1 replica' : `${to} replicas`}: ${reason}.`
  return {
    endpointId,
    kind: 'change',
    at,
    until: null,
    from,
    to,
    term: 'asked',
    sentence,
    ...plain,
    judged: null,
  }
}

function told(endpointId: EndpointId, from: number, decision: ScaleDecision, at: number) {
  const { desired: to, term, inputs, alternative, holdsUntil, infeasible } = decision
  const sentence = decisionInWords(decision)
  return { endpointId, at, from, to, term, sentence, inputs, alternative, holdsUntil, infeasible }
}
