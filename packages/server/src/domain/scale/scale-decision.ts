/**
 * What the autoscaler decided, with everything a person needs to follow it.
 *
 * A term is the rule that set the count. Where two rules met, the binding one is the term and what the other would
 * have said is the alternative.
 */

export type ScaleTerm =
  /** Pending requests per replica are above, or well below, the threshold. */
  | 'pendingHigh'
  | 'pendingLow'
  | 'hardwareHigh'
  | 'hardwareLow'
  /** What keeps the latency promise is another count, or the present one. */
  | 'sloNeed'
  | 'sloHold'
  /** A flow that just began. */
  | 'sloSurge'
  /** Nothing calls for a change. */
  | 'steady'
  /** What was asked for is still starting, and the load did not grow since. */
  | 'awaitingStarts'
  /** Went down a short while ago. */
  | 'quietAfterDown'
  /** Too little was measured to go down. */
  | 'unmeasured'
  | 'wake'
  | 'asleep'
  | 'idle'
  | 'minimum'
  | 'maximum'
  | 'warmHours'
  | 'costCeiling'

export type ScaleDecision = {
  readonly desired: number
  readonly term: ScaleTerm
  /** The figures that led there, by name. */
  readonly inputs: Readonly<Record<string, number>>
  /** What would have been decided without the binding term; null when nothing else was near. */
  readonly alternative: { readonly desired: number; readonly term: ScaleTerm } | null
  /** The count does not go down before this time. */
  readonly holdsUntil: number
  /** No count up to the maximum would keep the latency promise. */
  readonly infeasible: boolean
}

/** What one measure says, before bounds and idleness. Times are the judgement's own. */
export type Judgement = Omit<ScaleDecision, 'holdsUntil'> & { readonly holdsForMs: number }

/** The reason alone, for whoever has the count already. */
export function reasonInWords({ term, inputs }: ScaleDecision): string {
  return termInWords(term, inputs)
}

/** One sentence, for the decision log and for `berth why`. */
export function decisionInWords(decision: ScaleDecision): string {
  const { desired, term, alternative } = decision
  const count = desired === 1 ? '1 replica' : `${desired} replicas`
  const other = alternative && alternative.desired !== desired ? `; otherwise ${alternative.desired}` : ''
  return `${count}: ${termInWords(term, decision.inputs)}${other}.`
}

function termInWords(term: ScaleTerm, inputs: Readonly<Record<string, number>>): string {
  const figure = (name: string) => String(Math.round((inputs[name] ?? 0) * 100) / 100)
  switch (term) {
    case 'pendingHigh':
      return `${figure('perReplica')} requests are pending per replica, above ${figure('threshold')}`
    case 'pendingLow':
      return `one replica fewer would have ${figure('perReplicaWithOneFewer')} pending requests each, well below ${figure('threshold')}`
    case 'hardwareHigh':
      return `the hardware is ${figure('percent')} % busy, the threshold is ${figure('threshold')} %`
    case 'hardwareLow':
      return `with one replica fewer the hardware would be ${figure('percentWithOneFewer')} % busy, well below ${figure('threshold')} %`
    case 'sloNeed':
      return `the load needed ${figure('largestNeed')} within the last cold starts, times a head-room of ${figure('headRoom')}`
    case 'sloHold':
      return `the latency promise is kept so; the load needs ${figure('need')}, and needed ${figure('largestNeed')} within the last cold starts`
    case 'sloSurge':
      return `the arrivals rose at once to what ${figure('surge')} replicas carry`
    case 'steady':
      return 'nothing calls for a change'
    case 'awaitingStarts':
      return `${figure('starting')} of them are starting and the load did not grow since they were asked for`
    case 'quietAfterDown':
      return 'the count went down a short while ago'
    case 'unmeasured':
      return 'too little was measured to go down'
    case 'wake':
      return 'a request arrived'
    case 'asleep':
      return 'asleep until a request arrives'
    case 'idle':
      return `no request for ${figure('idleSeconds')} seconds`
    case 'minimum':
      return 'the minimum'
    case 'maximum':
      return 'the maximum'
    case 'warmHours':
      return 'the schedule keeps as many warm at this hour'
    case 'costCeiling':
      return `more would cost above ${figure('ceilingPerHour')} an hour`
    default:
      return term satisfies never
  }
}
