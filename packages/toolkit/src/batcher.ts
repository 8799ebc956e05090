/**
 * Puts together what waits, so that one pass of the model answers many requests.
 *
 * One pass at a time, in the order of arrival. A batch grows while its padded size stays within the limit: the model
 * computes every text at the length of the longest. A single text that is larger than the limit goes alone.
 */

type Waiting<Input, Output> = {
  readonly input: Input
  readonly tokens: number
  readonly give: (output: Output) => void
  readonly refuse: (error: unknown) => void
}

export class Batcher<Input, Output> {
  readonly #maxTokens: number
  readonly #run: (inputs: readonly Input[]) => Promise<readonly Output[]>
  readonly #waiting: Waiting<Input, Output>[] = []
  #isRunning = false

  /** @param run answers inputs in their order. */
  constructor(maxTokens: number, run: (inputs: readonly Input[]) => Promise<readonly Output[]>) {
    this.#maxTokens = maxTokens
    this.#run = run
  }

  submit(input: Input, tokens: number): Promise<Output> {
    return new Promise((give, refuse) => {
      this.#waiting.push({ input, tokens, give, refuse })
      // What arrives in the same turn of the event loop shares the first pass.
      if (!this.#isRunning) {
        this.#isRunning = true
        setImmediate(() => void this.#drain())
      }
    })
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, batchLength(this.#waiting, this.#maxTokens))
      try {
        const outputs = await this.#run(batch.map(({ input }) => input))
        for (const [i, { give }] of batch.entries()) give(outputs[i]!)
      } catch (error) {
        for (const { refuse } of batch) refuse(error)
      }
    }
    this.#isRunning = false
  }
}

/** How many of those in front make the next batch: at least one. */
export function batchLength(waiting: readonly { readonly tokens: number }[], maxTokens: number): number {
  let longest = 0
  let length = 0
  for (const { tokens } of waiting) {
    longest = Math.max(longest, tokens)
    if (length > 0 && longest * (length + 1) > maxTokens) break
    length++
  }
  return length
}
