/** Embeddings: one text after the other through one context, each as one vector of length 1. */
import { ApiError } from './api-error.ts'
import type { Model } from './model.ts'
import type { NativeContext } from './native.ts'

/** The only sequence that llama.cpp's binding reads a pooled vector from. */
const SLOT = 0
const MAX_WAITING_TEXTS = 4096
/** A text is computed in one batch, so this bounds the memory for it; longer models get it cut to this. */
const MAX_BATCH_TOKENS = 8192

export type EmbedderTotals = {
  readonly promptTokens: number
  readonly promptMs: number
  readonly decodes: number
}

export class Embedder {
  readonly contextTokens: number
  readonly #model: Model
  readonly #context: NativeContext
  readonly #totals: { -readonly [K in keyof EmbedderTotals]: number } = {
    promptTokens: 0,
    promptMs: 0,
    decodes: 0,
  }
  #waiting = 0
  #isBusy = false
  #last: Promise<unknown> = Promise.resolve()

  private constructor(model: Model, context: NativeContext, contextTokens: number) {
    this.#model = model
    this.#context = context
    this.contextTokens = contextTokens
  }

  static async open(model: Model, options: { contextTokens: number; threads: number }): Promise<Embedder> {
    const trained = model.facts.trainedContextTokens || MAX_BATCH_TOKENS
    const tokens = Math.min(options.contextTokens || trained, trained, MAX_BATCH_TOKENS)
    const context = new model.native.AddonContext(model.handle, {
      contextSize: tokens,
      batchSize: tokens,
      sequences: 1,
      threads: options.threads,
      embeddings: true,
      flashAttention: 'auto',
    })
    if (!(await context.init())) throw new Error(`llama.cpp cannot make a context of ${tokens} tokens`)
    return new Embedder(model, context, tokens)
  }

  get waiting(): number {
    return this.#waiting
  }

  get processing(): number {
    return this.#isBusy ? 1 : 0
  }

  get totals(): EmbedderTotals {
    return this.#totals
  }

  /** Checks all texts before it computes the first. */
  async embed(texts: readonly Uint32Array[], signal: AbortSignal): Promise<Float64Array[]> {
    for (const tokens of texts) this.#refuse(tokens)
    if (this.#waiting + texts.length > MAX_WAITING_TEXTS) {
      throw new ApiError('unavailable_error', `${this.#waiting} texts wait already; try again soon`, {
        retry_after: 1,
      })
    }
    this.#waiting += texts.length
    const results = texts.map((tokens) => this.#inTurn(tokens, signal))
    return (await Promise.all(results)).filter((vector) => vector !== undefined)
  }

  #refuse(tokens: Uint32Array): void {
    if (tokens.length === 0) throw new ApiError('invalid_request_error', '"input" holds an empty text')
    if (tokens.length > this.contextTokens) {
      throw new ApiError(
        'exceed_context_size_error',
        `input (${tokens.length} tokens) is too large to process; the limit is ${this.contextTokens} tokens`,
        { n_prompt_tokens: tokens.length, n_ctx: this.contextTokens },
      )
    }
  }

  #inTurn(tokens: Uint32Array, signal: AbortSignal): Promise<Float64Array | undefined> {
    const turn = this.#last.then(async () => {
      this.#waiting--
      if (signal.aborted) return undefined
      this.#isBusy = true
      try {
        return await this.#compute(tokens)
      } finally {
        this.#isBusy = false
      }
    })
    // The next in line does not care how this one ended.
    this.#last = turn.catch(() => undefined)
    return turn
  }

  async #compute(tokens: Uint32Array): Promise<Float64Array> {
    const startedAt = performance.now()
    this.#context.disposeSequence(SLOT)
    this.#context.initBatch(tokens.length)
    this.#context.addToBatch(SLOT, 0, tokens, Uint32Array.from(tokens.keys()))
    await this.#context.decodeBatch()
    const vector = this.#context.getEmbedding(tokens.length)
    this.#totals.promptTokens += tokens.length
    this.#totals.promptMs += performance.now() - startedAt
    this.#totals.decodes++
    const length = Math.hypot(...vector)
    return length > 0 ? vector.map((value) => value / length) : vector
  }

  tokens(text: string): Uint32Array {
    return this.#model.framed(this.#model.tokenizePlain(text))
  }
}
