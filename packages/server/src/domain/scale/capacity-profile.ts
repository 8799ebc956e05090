/**
 * What one replica can carry: how long one step of its engine takes, and how much it holds at once.
 *
 * An engine that batches continuously makes one token for each sequence per step. A step takes `stepMs`, a little
 * for each sequence, a little for each token of context that it reads, and the prompt tokens it works through in
 * passing. This is a prior; what the gateway sees corrects it (`learned-capacity.ts`).
 */

export type CapacityProfile = {
  readonly stepMs: number
  readonly stepMsPerSequence: number
  readonly stepMsPerContextToken: number
  readonly prefillMsPerToken: number
  /** Sequences in one batch. */
  readonly maxSequences: number
  /** Tokens that the key-value cache holds. */
  readonly contextTokens: number
  /** From asking for a replica until it is ready, as learned so far. */
  readonly startMs: number
}
