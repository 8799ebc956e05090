/** A tiny BERT with random weights, the same at every call: it loads and runs as a real one, and says nothing. */
import { type BertHead, type BertShape, SPECIAL_TOKENS, type Weights, writeBert } from './bert-model.ts'

const LETTERS = [...'abcdefghijklmnopqrstuvwxyz0123456789.,:;!?']
const WORDS = 'the a cat dog king queen is on good bad paris france berlin where who what sat mat'.split(' ')

const TINY: BertShape = {
  vocabulary: [...SPECIAL_TOKENS, ...LETTERS, ...LETTERS.map((letter) => `##${letter}`), ...WORDS],
  size: 32,
  layers: 2,
  heads: 4,
  innerSize: 64,
  positions: 64,
}

export function writeRandomBert(
  directory: string,
  head: BertHead = { kind: 'none' },
  changes: Partial<BertShape> = {},
): void {
  writeBert(directory, { ...TINY, ...changes }, head, randomWeights(7))
}

function randomWeights(seed: number): Weights {
  let state = seed
  // Xorshift: Marsaglia, "Xorshift RNGs", 2003.
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32 - 0.5
  }
  return (name, shape) => {
    const length = shape.reduce((product, size) => product * size, 1)
    if (name.endsWith('LayerNorm.weight')) return new Float32Array(length).fill(1)
    if (name.endsWith('bias')) return new Float32Array(length)
    return Float32Array.from({ length }, next)
  }
}
