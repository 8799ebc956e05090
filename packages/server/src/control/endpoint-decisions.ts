/** Why an endpoint has as many replicas as it has: the kept decisions, and the judgement of this moment. */
import type { DecisionView, RouteInput, RouteOutput } from '@berth/contract'
import type { EndpointRecord } from '../domain/endpoint.ts'
import type { DecisionRecord, NewDecision } from '../domain/scale/decision-record.ts'
import { timestamp } from './endpoint-view.ts'
import type { ControlRooms } from './rooms.ts'

export async function listDecisions(
  { store }: Pick<ControlRooms, 'store'>,
  endpoint: EndpointRecord,
  { at, since, limit }: RouteInput<'listDecisions'>['query'],
  present: NewDecision | undefined,
): Promise<RouteOutput<'listDecisions'>> {
  const decisions = await store.scaleDecisions.list(endpoint.id, {
    ...(at !== undefined && { knownAt: Date.parse(at) }),
    ...(since !== undefined && { since: Date.parse(since) }),
    limit,
  })
  return {
    items: decisions.map((decision) => decisionView(decision, decision.kind, decision.sequence)),
    present: present && !endpoint.paused ? decisionView(present, 'present', null) : null,
  }
}

function decisionView(
  decision: NewDecision | DecisionRecord,
  kind: DecisionView['kind'],
  sequence: number | null,
): DecisionView {
  const { at, until, from, to, term, sentence, inputs, alternative, holdsUntil, infeasible, terms } = decision
  return {
    sequence,
    kind,
    at: timestamp(at),
    until: until === null ? null : timestamp(until),
    from,
    to,
    term,
    sentence,
    inputs: { ...inputs },
    alternative: alternative && { count: alternative.desired, term: alternative.term },
    holdsUntil: holdsUntil === null ? null : timestamp(holdsUntil),
    infeasible,
    terms: terms && { ...terms },
  }
}
