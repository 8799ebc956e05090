/** From one vector for each token to one vector for each text, as sentence-transformers does it. */
import type { Pooling } from './command-line.ts'

/** Vectors of a batch, one after the other: `[texts, tokens, size]`. */
export type TokenVectors = {
  readonly data: Float32Array
  readonly tokens: number
  readonly size: number
}

/** @param mask of the batch, `[texts, tokens]`: 1 for a token, 0 for padding. */
export function pool(
  { data, tokens, size }: TokenVectors,
  text: number,
  mask: readonly number[],
  pooling: Pooling,
): Float32Array {
  const at = (token: number) => {
    const from = (text * tokens + token) * size
    return data.subarray(from, from + size)
  }
  switch (pooling) {
    case 'cls':
      return at(mask.indexOf(1)).slice()
    case 'last-token':
      return at(Math.min(mask.lastIndexOf(1), tokens - 1)).slice()
    case 'mean': {
      const sum = new Float32Array(size)
      let counted = 0
      for (let token = 0; token < tokens; token++) {
        if (mask[token] !== 1) continue
        counted++
        const vector = at(token)
        for (let i = 0; i < size; i++) sum[i]! += vector[i]!
      }
      for (let i = 0; i < size; i++) sum[i]! /= Math.max(1, counted)
      return sum
    }
    default:
      return pooling satisfies never
  }
}

/** To length 1; the zero vector stays as it is. */
export function normalized(vector: Float32Array): Float32Array {
  let squares = 0
  for (const value of vector) squares += value * value
  const length = Math.sqrt(squares)
  return length === 0 ? vector : vector.map((value) => value / length)
}

export const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

export function softmax(values: Float32Array): Float32Array {
  const largest = Math.max(...values)
  const powers = values.map((value) => Math.exp(value - largest))
  const sum = powers.reduce((total, value) => total + value, 0)
  return powers.map((value) => value / sum)
}

/** The cosine of the angle between two vectors. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let [ab, aa, bb] = [0, 0, 0]
  for (const [i, value] of a.entries()) {
    ab += value * b[i]!
    aa += value * value
    bb += b[i]! * b[i]!
  }
  return aa === 0 || bb === 0 ? 0 : ab / Math.sqrt(aa * bb)
}
