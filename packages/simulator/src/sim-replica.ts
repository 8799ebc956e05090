/**
 * A replica whose engine batches continuously.
 *
 * It works in steps. A step makes one token for every sequence of the batch and works through some prompt tokens; its
 * length follows the profile. Requests join at the beginning of a step, when there is room for them. A stretch of steps
 * in which nothing joins or leaves is one jump. Nothing is pre-empted: a request joins when its whole context will fit.
 */
import type { ReplicaId } from '@berth/server/domain/replica'
import { BLOCK_TOKENS, PrefixCache } from './prefix-cache.ts'
import type { ReplicaProfile } from './profiles.ts'
import type { Requests } from './requests.ts'

export type Watcher = {
  readonly firstToken: (request: number, at: number) => void
  readonly ended: (request: number, at: number) => void
}

export class SimReplica {
  readonly id: ReplicaId
  readonly number: number
  readonly profile: ReplicaProfile
  state: 'ready' | 'draining' = 'ready'
  isStarting = true
  inFlight = 0
  /** Invalidates events that were planned before something changed. */
  plan = 0

  generatedTokens = 0
  prefilledTokens = 0
  /** Token by token, how long after the one before. */
  interTokenMsSum = 0
  busyMs = 0

  readonly #requests: Requests
  readonly #cache: PrefixCache
  readonly #waiting: number[] = []
  readonly #enqueuedAt: number[] = []
  readonly #prefilling: number[] = []
  /** A heap of the step at which each sequence ends. */
  readonly #ends: { step: number; request: number }[] = []
  #clock = 0
  #step = 0
  #context = 0
  #reserved = 0
  #unprefilled = 0

  constructor(number: number, profile: ReplicaProfile, requests: Requests) {
    this.number = number
    this.id = `replica-${number}` as ReplicaId
    this.profile = profile
    this.#requests = requests
    this.#cache = new PrefixCache(Math.floor(profile.contextTokens / BLOCK_TOKENS))
  }

  get contextTokens(): number {
    return this.#context
  }

  get unprefilledTokens(): number {
    return this.#unprefilled
  }

  /** Requests that are on it and not in its batch. */
  get queued(): number {
    return this.#waiting.length
  }

  /** Tokens of the batch, those of answers to come included. */
  get reservedTokens(): number {
    return this.#reserved
  }

  get isIdle(): boolean {
    return this.inFlight === 0
  }

  give(request: number, now: number): void {
    const { trace, toPrefill, cachedTokens } = this.#requests
    const blocks = trace.blocks?.[request]
    const held = blocks ? this.#cache.use(blocks) * BLOCK_TOKENS : 0
    toPrefill[request] = Math.max(1, trace.input[request]! - held)
    cachedTokens[request] = trace.input[request]! - toPrefill[request]!
    this.#unprefilled += toPrefill[request]!
    this.#waiting.push(request)
    this.#enqueuedAt.push(now)
    this.inFlight++
  }

  /** Requests on it that have no first token yet: what another replica can take over. */
  unanswered(): number[] {
    return [...this.#prefilling, ...this.#waiting]
  }

  /** Requests whose answers have begun: what is lost with it. */
  answering(): number[] {
    return this.#ends.map(({ request }) => request)
  }

  /** Works until `to`, whole steps only. `watcher` learns what it did. */
  advance(to: number, watcher: Watcher): void {
    for (;;) {
      this.#admit()
      if (this.#prefilling.length === 0 && this.#ends.length === 0) {
        if (this.#waiting.length === 0) break
        this.#clock = Math.max(this.#clock, this.#enqueuedAt[0]!)
        if (this.#clock > to) break
        continue
      }
      const isStepDone =
        this.#prefilling.length > 0 ? this.#mixedStep(to, watcher) : this.#decode(to, watcher)
      if (!isStepDone) break
    }
  }

  /** When a request gets its first token or ends, at the earliest. */
  get nextEventAt(): number {
    if (this.#prefilling.length > 0) return this.#clock + this.#mixedStepMs().durationMs
    if (this.#ends.length > 0) {
      const steps = this.#ends[0]!.step - this.#step
      const joinsAt = this.#enqueuedAt[0]
      const stretch =
        joinsAt === undefined || joinsAt <= this.#clock ? steps : Math.min(steps, this.#stepsUntil(joinsAt))
      return this.#clock + this.#decodeMs(stretch)
    }
    return this.#waiting.length > 0 ? Math.max(this.#clock, this.#enqueuedAt[0]!) : Number.POSITIVE_INFINITY
  }

  #admit(): void {
    const { trace } = this.#requests
    const { maxSequences, contextTokens } = this.profile
    while (this.#waiting.length > 0 && this.#enqueuedAt[0]! <= this.#clock) {
      const request = this.#waiting[0]!
      const size = trace.input[request]! + trace.output[request]!
      const sequences = this.#ends.length + this.#prefilling.length
      const isAlone = sequences === 0
      if (!isAlone && (sequences >= maxSequences || this.#reserved + size > contextTokens)) return
      this.#waiting.shift()
      this.#enqueuedAt.shift()
      this.#reserved += size
      this.#prefilling.push(request)
    }
  }

  #mixedStepMs(): { durationMs: number; tokens: number } {
    const { profile } = this
    let tokens = 0
    for (const request of this.#prefilling) {
      tokens += this.#requests.toPrefill[request]!
      if (tokens >= profile.prefillTokensPerStep) break
    }
    tokens = Math.min(tokens, profile.prefillTokensPerStep)
    return { durationMs: this.#stepMs() + profile.prefillMsPerToken * tokens, tokens }
  }

  #mixedStep(to: number, watcher: Watcher): boolean {
    const { durationMs, tokens } = this.#mixedStepMs()
    if (this.#clock + durationMs > to) return false
    this.#made(1, durationMs)
    this.#prefilledBy(tokens, watcher)
    this.#endDone(watcher)
    return true
  }

  #prefilledBy(tokens: number, watcher: Watcher): void {
    const { toPrefill, firstTokenAt, trace } = this.#requests
    this.prefilledTokens += tokens
    this.#unprefilled -= tokens
    let left = tokens
    while (this.#prefilling.length > 0) {
      const request = this.#prefilling[0]!
      const part = Math.min(left, toPrefill[request]!)
      toPrefill[request]! -= part
      left -= part
      if (toPrefill[request]! > 1e-9) return
      this.#prefilling.shift()
      firstTokenAt[request] = this.#clock
      watcher.firstToken(request, this.#clock)
      this.generatedTokens++
      this.#context += trace.input[request]! + 1
      if (trace.output[request]! <= 1) this.#end(request, watcher)
      else this.#push(this.#step + trace.output[request]! - 1, request)
    }
  }

  #decode(to: number, watcher: Watcher): boolean {
    const untilEnd = this.#ends[0]!.step - this.#step
    const joinsAt = this.#enqueuedAt[0]
    const limit = joinsAt !== undefined && joinsAt > this.#clock ? Math.min(to, joinsAt) : to
    let steps = untilEnd
    if (this.#clock + this.#decodeMs(steps) > limit) {
      steps = Math.min(untilEnd, this.#stepsUntil(limit))
      // The step during which time is up is not over yet.
      if (this.#clock + this.#decodeMs(steps) > to) steps--
    }
    if (steps <= 0) return false
    this.#made(steps, this.#decodeMs(steps))
    this.#endDone(watcher)
    return true
  }

  #stepMs(): number {
    const { stepMs, stepMsPerSequence, stepMsPerContextToken } = this.profile
    return stepMs + stepMsPerSequence * this.#ends.length + stepMsPerContextToken * this.#context
  }

  /** Each step reads the context that the steps before it made longer. */
  #decodeMs(steps: number): number {
    const growth = this.profile.stepMsPerContextToken * this.#ends.length
    return steps * this.#stepMs() + (growth * steps * (steps - 1)) / 2
  }

  /** The fewest steps that last until `at` or longer; at least one. */
  #stepsUntil(at: number): number {
    const durationMs = at - this.#clock
    const growth = this.profile.stepMsPerContextToken * this.#ends.length
    const linear = this.#stepMs() - growth / 2
    const root = (Math.sqrt(linear * linear + 2 * growth * Math.max(0, durationMs)) - linear) / growth
    return Math.max(1, Math.ceil(growth > 0 ? root - 1e-9 : durationMs / linear))
  }

  #made(steps: number, durationMs: number): void {
    const sequences = this.#ends.length
    this.#clock += durationMs
    this.#step += steps
    this.#context += sequences * steps
    this.generatedTokens += sequences * steps
    this.interTokenMsSum += sequences * durationMs
    this.busyMs += durationMs
  }

  #endDone(watcher: Watcher): void {
    while (this.#ends.length > 0 && this.#ends[0]!.step <= this.#step) this.#end(this.#pop(), watcher)
  }

  #end(request: number, watcher: Watcher): void {
    const { trace, finishedAt } = this.#requests
    const size = trace.input[request]! + trace.output[request]!
    finishedAt[request] = this.#clock
    this.#context = Math.max(0, this.#context - size)
    this.#reserved -= size
    this.inFlight--
    watcher.ended(request, this.#clock)
  }

  #push(step: number, request: number): void {
    const heap = this.#ends
    let index = heap.length
    heap.push({ step, request })
    const added = heap[index]!
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (heap[parent]!.step <= step) break
      heap[index] = heap[parent]!
      index = parent
    }
    heap[index] = added
  }

  #pop(): number {
    const heap = this.#ends
    const { request } = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return request
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]!.step < heap[child]!.step) child++
      if (heap[child]!.step >= last.step) break
      heap[index] = heap[child]!
      index = child
    }
    heap[index] = last
    return request
  }
}
