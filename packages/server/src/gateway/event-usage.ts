/**
 * Watches the events of a streamed answer: how many brought text, and what is said about tokens.
 *
 * Only the line that says it is parsed; the rest is glanced at. Chunks may end anywhere.
 */
import { parsed, valueAt } from './json-glance.ts'
import { laterOf, type TokenUsage, usageOf } from './token-usage.ts'

/** A longer line is not looked at. */
const LINE_BYTES = 64 * 1024

const DATA = 'data:'

// Keys are looked for without their opening quote: a search stops at each of its first letter, and there are many quotes.
/** Keys of new text; `"reasoning_content"` is one of them. */
const TEXT_KEYS = ['content"', 'text"', '"delta"', 'arguments"'] as const

/** How nearly every event of nearly every engine is written. */
const USUAL_TEXT = 'content":"'
const CHOICES = 'choices"'
const USAGE = 'usage"'
const QUOTE = 0x22

export class EventUsage {
  #usage: TokenUsage | undefined
  #texts = 0
  /** A line that has begun. */
  #line = ''
  #isTooLong = false
  /** Where in its line the last event of the usual form had these: the next one is likely to be like it. */
  #choicesAt = 0
  #textAt = 0

  get usage(): TokenUsage | undefined {
    return this.#usage
  }

  /** Events that brought text: about one for each token. */
  get texts(): number {
    return this.#texts
  }

  get keptBytes(): number {
    return this.#line.length
  }

  /** No line has come in part. */
  get isBetweenLines(): boolean {
    return this.#line === '' && !this.#isTooLong
  }

  /** @param text a chunk, decoded as latin1. @returns how many events in it brought text. */
  feed(text: string): number {
    const before = this.#texts
    let from = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      if (!this.isBetweenLines) this.#endLine(text.slice(from, end))
      else if (text.startsWith(DATA, from)) {
        if (this.#isLikeTheLast(text, from, end)) this.#texts++
        else this.#read(text.slice(from, end))
      }
      from = end + 1
    }
    if (from < text.length && !this.#isTooLong) this.#line += text.slice(from)
    if (this.#line.length > LINE_BYTES) {
      this.#line = ''
      this.#isTooLong = true
    }
    return this.#texts - before
  }

  #endLine(rest: string): void {
    const line = this.#line + rest
    if (!this.#isTooLong && line.startsWith(DATA)) this.#read(line)
    this.#line = ''
    this.#isTooLong = false
  }

  /** Brings text and says no usage, as the one before; a search in each event costs more than to look where it was. */
  #isLikeTheLast(text: string, from: number, end: number): boolean {
    const valueAt = from + this.#textAt + USUAL_TEXT.length
    if (this.#textAt === 0 || valueAt >= end || text.charCodeAt(valueAt) === QUOTE) return false
    if (!text.startsWith(USUAL_TEXT, from + this.#textAt)) return false
    if (!text.startsWith(CHOICES, from + this.#choicesAt)) return false
    const usageAt = text.indexOf(USAGE, from)
    return usageAt === -1 || usageAt > end
  }

  #read(line: string): void {
    const choicesAt = line.indexOf(CHOICES)
    this.#choicesAt = Math.max(0, choicesAt)
    this.#textAt = choicesAt === -1 ? 0 : Math.max(0, line.indexOf(USUAL_TEXT))
    if (bringsText(line)) this.#texts++
    if (saysUsage(line)) this.#usage = laterOf(this.#usage, usageOf(parsed(line.slice(DATA.length))))
  }
}

function bringsText(line: string): boolean {
  for (const key of TEXT_KEYS) {
    for (let at = valueAt(line, key); at !== -1; at = valueAt(line, key, at)) {
      if (line[at] === '"' && line[at + 1] !== '"') return true
    }
  }
  return false
}

/** OpenAI's `"usage":null` in every event says nothing; llama-server's own stream counts in its last event. */
function saysUsage(line: string): boolean {
  if (line[valueAt(line, USAGE)] === '{') return true
  if (line.includes(CHOICES)) return false
  if (line[valueAt(line, '"details"')] === '{') return true
  return line[valueAt(line, '"stop"')] === 't' && line.includes('"tokens_predicted"')
}
