/**
 * Continuous batching: many requests share one context, each in a slot of its own.
 *
 * One loop turns as long as a slot is busy. Every turn decodes one batch with the next token of each slot that
 * generates and as much waiting prompt as fits, samples, and hands the tokens on. Requests come and go between
 * turns, so none waits for another to finish while a slot is free. A slot keeps what it has read: the next
 * request with the same beginning does not read it again.
 *
 *     generate ──▶ waiting (bounded) ──free slot──▶ reading the prompt ──▶ generating ──▶ end
 *
 * What the tokens mean (text, stop words, tool calls) is left to the caller.
 */
import { ApiError } from './api-error.ts'
import type { Model } from './model.ts'
import type { LogitIndex, NativeContext, NativeGrammar, NativeSampler } from './native.ts'

/** Tokens in one decoded batch. More reads long prompts faster. */
const BATCH_TOKENS = 512
/** The same while other slots generate: they wait for the whole batch, so a long prompt comes in smaller parts. */
const SHARED_BATCH_TOKENS = 128
const QUEUE_RETRY_AFTER_SECONDS = 1
/** The part of a prompt that a slot must know to be chosen for it. */
const WORTHWHILE_PREFIX = 0.1

export type Sampling = {
  readonly temperature: number
  readonly topK: number
  readonly topP: number
  readonly minP: number
  readonly seed: number
  readonly repeatPenalty: number
  readonly repeatLastTokens: number
  readonly presencePenalty: number
  readonly frequencyPenalty: number
  /** Added to a token's logit; -Infinity forbids it. */
  readonly tokenBias: ReadonlyMap<number, number>
}

export type Generation = {
  readonly prompt: Uint32Array
  /** Infinity: until the model ends or the slot is full. */
  readonly maxTokens: number
  readonly sampling: Sampling
  readonly grammar: NativeGrammar | undefined
  readonly reusePrefix: boolean
  readonly signal: AbortSignal
  /** Called for every token but the one that ends the answer. Says whether more are wanted. */
  readonly onToken: (token: number) => 'more' | 'enough'
}

export type GenerationEnd = {
  readonly reason: 'end' | 'length' | 'enough' | 'cancelled'
  /** Tokens of the prompt that the slot still knew. */
  readonly cachedTokens: number
  readonly generatedTokens: number
  readonly promptMs: number
  readonly generationMs: number
}

export type SlotReport = {
  readonly id: number
  readonly task: number
  readonly isProcessing: boolean
  readonly promptTokens: number
  readonly promptTokensRead: number
  readonly cachedTokens: number
  readonly generatedTokens: number
  readonly tokensLeft: number
}

export type GeneratorTotals = {
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly promptMs: number
  readonly generatedTokens: number
  readonly generationMs: number
  readonly decodes: number
  readonly busySlotDecodes: number
}

type Job = {
  readonly generation: Generation
  readonly task: number
  readonly resolve: (end: GenerationEnd) => void
  readonly reject: (cause: unknown) => void
}

type Work = {
  readonly job: Job
  readonly sampler: NativeSampler
  readonly cachedTokens: number
  readonly startedAt: number
  firstTokenAt: number
  generatedTokens: number
  /** Sampled, not yet decoded. */
  nextToken: number | undefined
}

type Slot = { readonly id: number; known: number[]; lastUsed: number; work: Work | undefined }

export class Generator {
  readonly slotContextTokens: number
  readonly #model: Model
  readonly #context: NativeContext
  readonly #slots: readonly Slot[]
  readonly #queueLimit: number
  readonly #waiting: Job[] = []
  readonly #totals: { -readonly [K in keyof GeneratorTotals]: number } = {
    promptTokens: 0,
    cachedTokens: 0,
    promptMs: 0,
    generatedTokens: 0,
    generationMs: 0,
    decodes: 0,
    busySlotDecodes: 0,
  }
  #tasks = 0
  #isTurning = false

  private constructor(model: Model, context: NativeContext, slots: number, queueLimit: number) {
    this.#model = model
    this.#context = context
    this.#queueLimit = queueLimit
    this.#slots = Array.from({ length: slots }, (_, id) => ({ id, known: [], lastUsed: 0, work: undefined }))
    const share = Math.floor(context.getContextSize() / slots)
    this.slotContextTokens = Math.min(share, model.facts.trainedContextTokens || share)
  }

  static async open(
    model: Model,
    options: { contextTokens: number; slots: number; threads: number; queueLimit: number },
  ): Promise<Generator> {
    const contextSize = options.contextTokens || model.facts.trainedContextTokens
    const context = new model.native.AddonContext(model.handle, {
      contextSize,
      batchSize: Math.max(BATCH_TOKENS, options.slots),
      sequences: options.slots,
      threads: options.threads,
      embeddings: false,
      flashAttention: 'auto',
    })
    if (!(await context.init())) {
      throw new Error(
        `llama.cpp cannot make a context of ${contextSize} tokens; the model may be too large for it`,
      )
    }
    return new Generator(model, context, options.slots, options.queueLimit)
  }

  /** Refuses at once what does not fit: a prompt longer than a slot, a request beyond the queue's limit. */
  generate(generation: Generation): Promise<GenerationEnd> {
    this.#refuse(generation)
    return new Promise((resolve, reject) => {
      const job: Job = { generation, task: this.#tasks++, resolve, reject }
      this.#waiting.push(job)
      generation.signal.addEventListener('abort', () => this.#leaveQueue(job), { once: true })
      void this.#turn()
    })
  }

  slots(): SlotReport[] {
    return this.#slots.map(({ id, known, work }) => ({
      id,
      task: work?.job.task ?? -1,
      isProcessing: work !== undefined,
      promptTokens: work?.job.generation.prompt.length ?? 0,
      promptTokensRead: work
        ? Math.min(known.length, work.job.generation.prompt.length) - work.cachedTokens
        : 0,
      cachedTokens: work?.cachedTokens ?? 0,
      generatedTokens: work?.generatedTokens ?? 0,
      tokensLeft: work ? work.job.generation.maxTokens - work.generatedTokens : 0,
    }))
  }

  get waiting(): number {
    return this.#waiting.length
  }

  get processing(): number {
    return this.#slots.filter(isBusy).length
  }

  get totals(): GeneratorTotals {
    return this.#totals
  }

  #refuse({ prompt, signal }: Generation): void {
    const limit = this.slotContextTokens
    if (prompt.length >= limit) {
      throw new ApiError(
        'exceed_context_size_error',
        `request (${prompt.length} tokens) exceeds the available context size (${limit} tokens), try increasing it`,
        { n_prompt_tokens: prompt.length, n_ctx: limit },
      )
    }
    if (signal.aborted) return
    const free = this.#slots.length - this.processing
    if (this.#waiting.length >= this.#queueLimit + free) {
      throw new ApiError(
        'unavailable_error',
        `all ${this.#slots.length} slots are busy and ${this.#waiting.length} requests wait already; try again soon`,
        { retry_after: QUEUE_RETRY_AFTER_SECONDS },
      )
    }
  }

  #leaveQueue(job: Job): void {
    const index = this.#waiting.indexOf(job)
    if (index === -1) return
    this.#waiting.splice(index, 1)
    job.resolve({ reason: 'cancelled', cachedTokens: 0, generatedTokens: 0, promptMs: 0, generationMs: 0 })
  }

  async #turn(): Promise<void> {
    if (this.#isTurning) return
    this.#isTurning = true
    // Between turns only: while a batch is decoded, nobody else may touch the context.
    while (this.#fillSlots()) {
      try {
        await this.#decode()
      } catch (cause) {
        for (const slot of this.#slots) this.#fail(slot, cause)
      }
    }
    this.#isTurning = false
  }

  /** Gives waiting requests to free slots, and says whether there is work. */
  #fillSlots(): boolean {
    for (const slot of this.#slots) {
      if (slot.work?.job.generation.signal.aborted) this.#finish(slot, 'cancelled')
    }
    while (this.#waiting.length > 0) {
      const job = this.#waiting[0] as Job
      const slot = this.#chooseSlot(job.generation)
      if (!slot) break
      this.#waiting.shift()
      if (job.generation.signal.aborted) {
        job.resolve({
          reason: 'cancelled',
          cachedTokens: 0,
          generatedTokens: 0,
          promptMs: 0,
          generationMs: 0,
        })
        continue
      }
      try {
        this.#begin(slot, job)
      } catch (cause) {
        job.reject(cause)
      }
    }
    return this.#slots.some(isBusy)
  }

  /**
   * The free slot that knows most of the prompt; when none knows enough, the one that was not used for longest, so
   * that a beginning that all prompts share does not cost a conversation its slot.
   */
  #chooseSlot({ prompt, reusePrefix }: Generation): Slot | undefined {
    const free = this.#slots
      .filter((slot) => !isBusy(slot))
      .map((slot) => ({ slot, shared: reusePrefix ? sharedPrefix(slot.known, prompt) : 0 }))
    const worthOf = (shared: number) => (shared >= prompt.length * WORTHWHILE_PREFIX ? shared : 0)
    free.sort((a, b) => worthOf(b.shared) - worthOf(a.shared) || a.slot.lastUsed - b.slot.lastUsed)
    return free[0]?.slot
  }

  #begin(slot: Slot, job: Job): void {
    const { prompt, reusePrefix } = job.generation
    const sampler = this.#createSampler(job.generation)
    // One token at least has to be read, or there would be nothing to sample from.
    const shared = reusePrefix ? Math.min(sharedPrefix(slot.known, prompt), prompt.length - 1) : 0
    const cachedTokens = this.#forget(slot, shared)
    slot.known.length = cachedTokens
    slot.work = {
      job,
      sampler,
      cachedTokens,
      startedAt: performance.now(),
      firstTokenAt: 0,
      generatedTokens: 0,
      nextToken: undefined,
    }
  }

  /** Forgets what a slot knows after `from`; returns how much it still knows, which is nothing if it cannot. */
  #forget(slot: Slot, from: number): number {
    if (from === slot.known.length) return from
    // A model with a sliding window or a running state has let go of the beginning: such a rest is of no use.
    const isWhole = from > 0 && this.#context.getSequenceKvCacheMinPosition(slot.id) <= 0
    if (isWhole && this.#context.removeTokenCellsFromSequence(slot.id, from, -1)) return from
    this.#context.disposeSequence(slot.id)
    return 0
  }

  #createSampler({ prompt, sampling, grammar }: Generation): NativeSampler {
    const { AddonSampler, AddonGrammarEvaluationState } = this.#model.native
    const sampler = new AddonSampler(this.#model.handle)
    const { tokenBias } = sampling
    sampler.applyConfig({
      temperature: sampling.temperature,
      topK: sampling.topK,
      topP: sampling.topP,
      minP: sampling.minP,
      seed: sampling.seed,
      repeatPenalty: sampling.repeatPenalty,
      repeatPenaltyMaxTokens: sampling.repeatLastTokens,
      repeatPenaltyTokens: prompt.slice(-sampling.repeatLastTokens || prompt.length),
      repeatPenaltyPresencePenalty: sampling.presencePenalty,
      repeatPenaltyFrequencyPenalty: sampling.frequencyPenalty,
      ...(tokenBias.size > 0
        ? {
            tokenBiasKeys: Uint32Array.from(tokenBias.keys()),
            tokenBiasValues: Float32Array.from(tokenBias.values()),
          }
        : {}),
      ...(grammar
        ? { grammarEvaluationState: new AddonGrammarEvaluationState(this.#model.handle, grammar) }
        : {}),
    })
    return sampler
  }

  /** One turn: a batch is composed, decoded and sampled from. */
  async #decode(): Promise<void> {
    const parts = this.#composeBatch()
    this.#context.initBatch(parts.reduce((sum, { tokens }) => sum + tokens.length, 0))
    const sampled: { readonly slot: Slot; readonly at: LogitIndex }[] = []
    for (const { slot, tokens, isLast } of parts) {
      const logitsOf = isLast ? Uint32Array.of(tokens.length - 1) : new Uint32Array()
      const [at] = this.#context.addToBatch(slot.id, slot.known.length, tokens, logitsOf)
      if (at !== undefined) sampled.push({ slot, at: at as LogitIndex })
    }
    await this.#context.decodeBatch()

    this.#totals.decodes++
    this.#totals.busySlotDecodes += parts.length
    for (const { slot, tokens } of parts) for (const token of tokens) slot.known.push(token)
    await Promise.all(sampled.map(({ slot, at }) => this.#sample(slot, at)))
  }

  /** First the slots that generate, so that long prompts do not stall them; then prompts, oldest first. */
  #composeBatch(): { readonly slot: Slot; readonly tokens: Uint32Array; readonly isLast: boolean }[] {
    const parts = []
    const reading: Slot[] = []
    for (const slot of this.#slots) {
      const token = slot.work?.nextToken
      if (token !== undefined) parts.push({ slot, tokens: Uint32Array.of(token), isLast: true })
      else if (slot.work) reading.push(slot)
    }
    let room = parts.length === 0 ? BATCH_TOKENS : SHARED_BATCH_TOKENS
    reading.sort((a, b) => taskOf(a) - taskOf(b))
    for (const slot of reading) {
      if (room === 0) break
      const prompt = (slot.work as Work).job.generation.prompt
      const tokens = prompt.subarray(slot.known.length, slot.known.length + room)
      room -= tokens.length
      parts.push({ slot, tokens, isLast: slot.known.length + tokens.length === prompt.length })
    }
    return parts
  }

  async #sample(slot: Slot, at: LogitIndex): Promise<void> {
    const work = slot.work as Work
    const { maxTokens, onToken } = work.job.generation
    if (maxTokens === 0) return this.#finish(slot, 'length')
    let token: number
    try {
      token = await this.#context.sampleToken(at, work.sampler)
      if (token < 0) throw new Error('no token is allowed here')
    } catch (cause) {
      return this.#fail(slot, cause)
    }

    work.generatedTokens++
    if (work.generatedTokens === 1) work.firstTokenAt = performance.now()
    work.nextToken = token
    if (this.#model.handle.isEogToken(token)) return this.#finish(slot, 'end')
    if (onToken(token) === 'enough') return this.#finish(slot, 'enough')
    // This token is not in the slot yet, and takes a place of its own.
    if (work.generatedTokens >= maxTokens || slot.known.length + 1 >= this.slotContextTokens) {
      this.#finish(slot, 'length')
    }
  }

  #finish(slot: Slot, reason: GenerationEnd['reason']): void {
    const work = this.#release(slot)
    if (!work) return
    const now = performance.now()
    const firstTokenAt = work.firstTokenAt || now
    const end: GenerationEnd = {
      reason,
      cachedTokens: work.cachedTokens,
      generatedTokens: work.generatedTokens,
      promptMs: firstTokenAt - work.startedAt,
      generationMs: now - firstTokenAt,
    }
    const promptTokensRead =
      Math.min(slot.known.length, work.job.generation.prompt.length) - work.cachedTokens
    this.#totals.promptTokens += promptTokensRead
    this.#totals.cachedTokens += end.cachedTokens
    this.#totals.promptMs += end.promptMs
    this.#totals.generatedTokens += end.generatedTokens
    this.#totals.generationMs += end.generationMs
    work.job.resolve(end)
  }

  /** Ends a request that llama.cpp could not serve. What the slot knows is in doubt, so it is forgotten. */
  #fail(slot: Slot, cause: unknown): void {
    const work = this.#release(slot)
    if (!work) return
    slot.known = []
    this.#context.disposeSequence(slot.id)
    work.job.reject(cause)
  }

  #release(slot: Slot): Work | undefined {
    const { work } = slot
    slot.work = undefined
    slot.lastUsed = this.#tasks
    work?.sampler.dispose()
    return work
  }
}

const isBusy = (slot: Slot) => slot.work !== undefined
const taskOf = (slot: Slot) => slot.work?.job.task ?? 0

function sharedPrefix(known: readonly number[], prompt: Uint32Array): number {
  const limit = Math.min(known.length, prompt.length)
  let shared = 0
  while (shared < limit && known[shared] === prompt[shared]) shared++
  return shared
}
