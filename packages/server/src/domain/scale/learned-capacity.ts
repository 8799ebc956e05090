/**
 * A capacity profile, corrected by what the gateway sees.
 *
 * The time between two tokens is the sum of four parts: a fixed one, one for the sequences of the batch, one for the
 * context it reads and one for prompts worked through in passing. Each part of the profile gets a factor, 1 until the
 * observations say otherwise: least squares, where old observations fade and the prior counts as a few of them.
 */
import type { CapacityProfile } from './capacity-profile.ts'

const PARTS = 4
const PRIOR_OBSERVATIONS = 30
/** An observation counts half after so many further ones. */
const HALF_LIFE_OBSERVATIONS = 3_000
const FADING = 0.5 ** (1 / HALF_LIFE_OBSERVATIONS)
const SMALLEST_FACTOR = 0.2
const LARGEST_FACTOR = 5

export type LearnedCapacity = {
  /** Sums of the products of the parts, row by row, and of each part with what was measured. */
  readonly products: readonly number[]
  readonly measured: readonly number[]
  readonly factors: readonly number[]
}

export type Batch = {
  /** All per ready replica. */
  readonly sequences: number
  readonly contextTokens: number
  readonly prefillTokensPerSecond: number
  readonly interTokenMs: number
}

export function nothingLearned(): LearnedCapacity {
  const products = new Array<number>(PARTS * PARTS).fill(0)
  const measured = new Array<number>(PARTS).fill(0)
  return { products, measured, factors: new Array<number>(PARTS).fill(1) }
}

export function withBatch(before: LearnedCapacity, prior: CapacityProfile, batch: Batch): LearnedCapacity {
  const { sequences, contextTokens, prefillTokensPerSecond, interTokenMs } = batch
  const parts = [
    prior.stepMs,
    prior.stepMsPerSequence * sequences,
    prior.stepMsPerContextToken * contextTokens,
    (prior.prefillMsPerToken * prefillTokensPerSecond * interTokenMs) / 1_000,
  ]
  const products = before.products.map((sum, i) => {
    return sum * FADING + parts[Math.floor(i / PARTS)]! * parts[i % PARTS]!
  })
  const measured = before.measured.map((sum, i) => sum * FADING + parts[i]! * interTokenMs)
  return { products, measured, factors: factorsFrom(products, measured, prior.stepMs) }
}

/** @returns the profile as it is believed to be. */
export function corrected(prior: CapacityProfile, { factors }: LearnedCapacity): CapacityProfile {
  return {
    ...prior,
    stepMs: prior.stepMs * factors[0]!,
    stepMsPerSequence: prior.stepMsPerSequence * factors[1]!,
    stepMsPerContextToken: prior.stepMsPerContextToken * factors[2]!,
    prefillMsPerToken: prior.prefillMsPerToken * factors[3]!,
  }
}

/** Solves the normal equations, each factor pulled towards 1 as strongly as a few observations pull. */
function factorsFrom(products: readonly number[], measured: readonly number[], scaleMs: number): number[] {
  const pull = PRIOR_OBSERVATIONS * scaleMs * scaleMs
  const rows: number[][] = []
  for (let i = 0; i < PARTS; i++) {
    const row = products.slice(i * PARTS, (i + 1) * PARTS)
    row[i] = row[i]! + pull
    row.push(measured[i]! + pull)
    rows.push(row)
  }
  return solved(rows).map((factor) => {
    return Number.isFinite(factor) ? Math.min(Math.max(factor, SMALLEST_FACTOR), LARGEST_FACTOR) : 1
  })
}

/** Gaussian elimination; the pull makes the matrix positive definite, so no row needs to be swapped. */
function solved(rows: number[][]): number[] {
  const size = rows.length
  for (let i = 0; i < size; i++) {
    const row = rows[i]!
    for (let below = i + 1; below < size; below++) {
      const other = rows[below]!
      const ratio = other[i]! / row[i]!
      for (let k = i; k <= size; k++) other[k] = other[k]! - ratio * row[k]!
    }
  }
  const result = new Array<number>(size).fill(0)
  for (let i = size - 1; i >= 0; i--) {
    const row = rows[i]!
    let rest = row[size]!
    for (let k = i + 1; k < size; k++) rest -= row[k]! * result[k]!
    result[i] = rest / row[i]!
  }
  return result
}
