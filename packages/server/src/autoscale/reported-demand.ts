/** What the gateways said of one endpoint: what is there now, by gateway, and what flowed since it was last taken. */
import type { TokenFlow } from '../domain/scale/scale-sample.ts'
import type { News } from '../domain/scale/urgency.ts'
import type { EndpointDemand, TokenDemand } from '../link/messages.ts'

type Standing = Pick<EndpointDemand, 'pending' | 'waiting' | 'inFlight'> & {
  readonly context: number
  readonly unprefilled: number
}

export type DemandNow = {
  readonly arrivals: number
  readonly pending: number
  readonly waiting: number
  readonly inFlight: number
  readonly tokens: TokenFlow | null
}

const FLOWS = [
  'prompt',
  'generated',
  'prefilled',
  'gaps',
  'gapMsSum',
  'firstTokens',
  'lateFirstTokens',
  'answers',
  'slowAnswers',
] as const satisfies readonly (keyof TokenDemand)[]

type Flow = Record<(typeof FLOWS)[number], number>

export class ReportedDemand {
  readonly #standing = new Map<string, Standing>()
  #arrivals = 0
  #flow: Flow | null = null

  /** Requests wait or run, or something flowed that was not taken yet. */
  get isQuiet(): boolean {
    return this.#standing.size === 0 && this.#arrivals === 0
  }

  get waiting(): number {
    return this.news.waiting
  }

  /** What a judgement need not wait for its turn for. */
  get news(): News {
    let pending = 0
    let waiting = 0
    for (const standing of this.#standing.values()) {
      pending += standing.pending
      waiting += standing.waiting
    }
    return { arrivals: this.#arrivals, pending: Math.max(pending, waiting), waiting }
  }

  report(gatewayId: string, { arrivals, pending, waiting, inFlight, tokens }: EndpointDemand): void {
    this.#arrivals += arrivals
    if (tokens) this.#add(tokens)
    const { context = 0, unprefilled = 0 } = tokens ?? {}
    if (pending + waiting + inFlight === 0) this.#standing.delete(gatewayId)
    else this.#standing.set(gatewayId, { pending, waiting, inFlight, context, unprefilled })
  }

  /** So many wait at this gateway, as it says between two reports. */
  wait(gatewayId: string, waiting: number): void {
    const known = this.#standing.get(gatewayId)
    const standing = known ?? { pending: 0, inFlight: 0, context: 0, unprefilled: 0 }
    this.#standing.set(gatewayId, { ...standing, waiting, pending: Math.max(standing.pending, waiting) })
  }

  /** Who waited until now has been spoken of: whoever still waits is spoken of again. */
  forgetWaiting(): void {
    for (const [gatewayId, { pending, waiting, ...standing }] of this.#standing) {
      this.#standing.set(gatewayId, { ...standing, waiting: 0, pending: Math.max(0, pending - waiting) })
    }
  }

  forget(gatewayId: string): void {
    this.#standing.delete(gatewayId)
  }

  /** @param hasTokens its answers are made of tokens, even if none came lately. */
  peek(hasTokens: boolean): DemandNow {
    const sum = { pending: 0, waiting: 0, inFlight: 0, context: 0, unprefilled: 0 }
    for (const standing of this.#standing.values()) {
      for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += standing[name]
    }
    const { pending, waiting, inFlight, context, unprefilled } = sum
    const { gaps, gapMsSum, ...flow } = this.#flow ?? noFlow()
    const interTokenMs = gaps > 0 ? gapMsSum / gaps : null
    const tokens = hasTokens || this.#flow ? { ...flow, context, unprefilled, interTokenMs } : null
    return { arrivals: this.#arrivals, pending: Math.max(pending, waiting), waiting, inFlight, tokens }
  }

  /** The same, and flows begin anew. */
  take(hasTokens: boolean): DemandNow {
    const now = this.peek(hasTokens)
    this.#arrivals = 0
    if (this.#flow) this.#flow = noFlow()
    return now
  }

  #add(tokens: TokenDemand): void {
    this.#flow ??= noFlow()
    for (const name of FLOWS) this.#flow[name] += tokens[name]
  }
}

const noFlow = (): Flow => ({
  prompt: 0,
  generated: 0,
  prefilled: 0,
  gaps: 0,
  gapMsSum: 0,
  firstTokens: 0,
  lateFirstTokens: 0,
  answers: 0,
  slowAnswers: 0,
})
