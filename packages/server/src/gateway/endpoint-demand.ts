/**
 * What one endpoint is asked for, as one gateway sees it: requests and tokens, counted as they pass.
 *
 * How many tokens a prompt has is known from the engine at the end. Before, it is estimated from its bytes, by what
 * earlier requests of the endpoint turned out to be, less what a prefix cache held of them.
 */
import type { LatencyObjective } from '@berth/contract'
import type { UsageRecord } from '../domain/usage/usage-record.ts'
import type { TokenDemand } from '../link/messages.ts'

const PRIOR_TOKENS_PER_BYTE = 0.25
/** How much of the estimate one request replaces. */
const LEARNING = 0.05
/** Images in a prompt are many bytes and few tokens. */
const LARGEST_PROMPT_TOKENS = 200_000

type Tokens = { -readonly [Name in keyof TokenDemand]: TokenDemand[Name] }

const noTokens = (): Tokens => ({
  prompt: 0,
  generated: 0,
  context: 0,
  unprefilled: 0,
  prefilled: 0,
  gaps: 0,
  gapMsSum: 0,
  firstTokens: 0,
  lateFirstTokens: 0,
  answers: 0,
  slowAnswers: 0,
})

export class EndpointDemandCount {
  arrivals = 0
  pending = 0
  lastActivityAt: number
  changed = true
  readonly #tokens = noTokens()
  #hasTokens = false
  /** Prompt tokens, and those of them that were not in a cache. */
  #tokensPerByte = PRIOR_TOKENS_PER_BYTE
  #uncachedPerByte = PRIOR_TOKENS_PER_BYTE

  constructor(now: number) {
    this.lastActivityAt = now
  }

  /** @param bodyBytes as announced; 0 when the body's length is not known yet. */
  arrived(now: number, bodyBytes: number, objective: LatencyObjective | undefined): RequestDemand {
    this.arrivals++
    this.pending++
    // Who promises first tokens has some to count, from the first request on.
    if (objective) this.#hasTokens = true
    this.touch(now)
    return new RequestDemand(this, this.#tokens, bodyBytes, objective)
  }

  touch(now: number): void {
    this.lastActivityAt = now
    this.changed = true
  }

  estimate(bodyBytes: number): { prompt: number; uncached: number } {
    const estimated = (perByte: number) => Math.min(LARGEST_PROMPT_TOKENS, Math.round(bodyBytes * perByte))
    return { prompt: estimated(this.#tokensPerByte), uncached: estimated(this.#uncachedPerByte) }
  }

  learn(bodyBytes: number, { inputTokens, outputTokens, cachedTokens, isEstimated }: UsageRecord): void {
    if (inputTokens + outputTokens > 0) this.#hasTokens = true
    if (isEstimated || inputTokens === 0 || bodyBytes === 0) return
    const towards = (value: number, seen: number) => value + LEARNING * (seen - value)
    const uncached = Math.max(0, inputTokens - cachedTokens)
    this.#tokensPerByte = towards(this.#tokensPerByte, inputTokens / bodyBytes)
    this.#uncachedPerByte = towards(this.#uncachedPerByte, uncached / bodyBytes)
  }

  /** The flow since the last call, and what is there now. */
  takeTokens(): TokenDemand | null {
    if (!this.#hasTokens) return null
    const { context, unprefilled } = this.#tokens
    const taken = { ...this.#tokens }
    Object.assign(this.#tokens, noTokens(), { context, unprefilled })
    return taken
  }

  streamsTokens(): void {
    this.#hasTokens = true
  }
}

/** One request's part in it. Whoever calls in another order, or twice, counts nothing twice. */
export class RequestDemand {
  readonly #endpoint: EndpointDemandCount
  readonly #tokens: Tokens
  readonly #objective: LatencyObjective | undefined
  #prompt = 0
  #uncached = 0
  #context = 0
  #texts = 0
  #isPending = true
  #isPrefilled = false
  #isOver = false

  constructor(
    endpoint: EndpointDemandCount,
    tokens: Tokens,
    bodyBytes: number,
    objective: LatencyObjective | undefined,
  ) {
    this.#endpoint = endpoint
    this.#tokens = tokens
    this.#objective = objective
    this.#size(bodyBytes)
  }

  /** A replica gets it. @param bodyBytes what arrived of its body by now. */
  sent(bodyBytes: number): void {
    if (this.#prompt === 0) this.#size(bodyBytes)
    this.#hold(this.#prompt - this.#context)
  }

  /** The replica's answer has a status. */
  begun(): void {
    if (!this.#isPending) return
    this.#isPending = false
    this.#endpoint.pending--
  }

  /** @param gapMs since the text before, per token; undefined for the first. @param ageMs since it arrived. */
  texts(count: number, gapMs: number | undefined, ageMs: number): void {
    const tokens = this.#tokens
    this.#endpoint.streamsTokens()
    if (gapMs === undefined) {
      this.#prefilled()
      tokens.firstTokens++
      if (this.#isLate(ageMs)) tokens.lateFirstTokens++
    } else {
      tokens.gaps += count
      tokens.gapMsSum += gapMs * count
    }
    tokens.generated += count
    this.#texts += count
    this.#hold(count)
  }

  ended(record: UsageRecord, bodyBytes: number, now: number): void {
    if (this.#isOver) return
    this.#isOver = true
    this.begun()
    this.#prefilled()
    this.#endpoint.learn(bodyBytes, record)
    this.#endpoint.touch(now)
    const tokens = this.#tokens
    tokens.generated += Math.max(0, record.outputTokens - this.#texts)
    if (record.outputTokens > 0) {
      tokens.answers++
      const { interTokenMs } = record
      if (this.#objective && interTokenMs !== null && interTokenMs > this.#objective.interTokenMs)
        tokens.slowAnswers++
    }
    this.#hold(-this.#context)
  }

  #size(bodyBytes: number): void {
    const { prompt, uncached } = this.#endpoint.estimate(bodyBytes)
    this.#prompt = prompt
    this.#uncached = uncached
    this.#tokens.prompt += uncached
    this.#tokens.unprefilled += uncached
  }

  #prefilled(): void {
    if (this.#isPrefilled) return
    this.#isPrefilled = true
    this.#tokens.unprefilled -= this.#uncached
    this.#tokens.prefilled += this.#uncached
  }

  #isLate(ageMs: number): boolean {
    if (!this.#objective) return false
    const { firstTokenMs, firstTokenMsPerInputToken } = this.#objective
    return ageMs > firstTokenMs + firstTokenMsPerInputToken * this.#prompt
  }

  #hold(tokens: number): void {
    this.#context += tokens
    this.#tokens.context += tokens
  }
}
