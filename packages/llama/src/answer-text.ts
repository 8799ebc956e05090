/**
 * Text from a model's bytes, piece by piece, cut before the first stop word.
 *
 * Two things are held back until they are certain: the bytes of an unfinished character, and an end of the text
 * that may turn out to be the beginning of a stop word.
 */
export class AnswerText {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  readonly #stopWords: readonly string[]
  #held = ''
  #stoppedBy: string | undefined

  constructor(stopWords: readonly string[]) {
    this.#stopWords = stopWords.filter((word) => word !== '')
  }

  /** The stop word that ended the text. */
  get stoppedBy(): string | undefined {
    return this.#stoppedBy
  }

  /** Takes the next bytes, returns what may be shown now. Nothing comes after a stop word. */
  push(bytes: Uint8Array): string {
    if (this.#stoppedBy !== undefined) return ''
    const text = this.#held + this.#decoder.decode(bytes, { stream: true })
    const stop = firstOf(this.#stopWords, text)
    if (stop) {
      this.#stoppedBy = stop.word
      this.#held = ''
      return text.slice(0, stop.index)
    }
    const certain = text.length - longestBeginning(this.#stopWords, text)
    this.#held = text.slice(certain)
    return text.slice(0, certain)
  }

  /** What was held back in vain. An unfinished character is dropped. */
  finish(): string {
    const rest = this.#held
    this.#held = ''
    return rest
  }
}

function firstOf(words: readonly string[], text: string): { word: string; index: number } | undefined {
  let first: { word: string; index: number } | undefined
  for (const word of words) {
    const index = text.indexOf(word)
    if (index !== -1 && (!first || index < first.index)) first = { word, index }
  }
  return first
}

/** Length of the longest end of `text` that one of the words begins with. */
function longestBeginning(words: readonly string[], text: string): number {
  let longest = 0
  for (const word of words) {
    for (let length = Math.min(word.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(word.slice(0, length))) longest = length
    }
  }
  return longest
}
