/** What a prediction is asked for with. */
import { badField } from './api-error.ts'
import type { EncoderInput } from './encoder.ts'
import { isTexts } from './fields.ts'

/** TEI's shapes: a text, `[text]`, `[text, text]` for a pair, and lists of the latter two for several. */
export function predictInputs(value: unknown): {
  readonly isBatch: boolean
  readonly inputs: readonly EncoderInput[]
} {
  const one = (entry: unknown): EncoderInput => {
    if (typeof entry === 'string') return { text: entry }
    if (isTexts(entry) && (entry.length === 1 || entry.length === 2))
      return { text: entry[0]!, pair: entry[1] }
    throw badField('inputs', 'must be a string, a pair of strings, or a list of lists of one or two strings')
  }
  const isBatch = Array.isArray(value) && value.length > 0 && value.every(Array.isArray)
  return isBatch ? { isBatch, inputs: value.map(one) } : { isBatch: false, inputs: [one(value)] }
}
