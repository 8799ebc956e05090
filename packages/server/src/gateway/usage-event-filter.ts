/**
 * Takes the event that only says the usage out of a stream whose client did not ask for it.
 *
 * Every other byte passes as it came and in its order. An event is held until it is complete, which costs its reader
 * nothing: it could not have been understood before.
 */
import { parsed, valueAt } from './json-glance.ts'

/** A longer event is not the one; it passes as it comes. */
const EVENT_BYTES = 64 * 1024
const NOTHING = Buffer.alloc(0)

export class UsageEventFilter {
  #held: Buffer = NOTHING

  /** @param decoded the same chunk as latin1. @returns what may go on now. */
  feed(chunk: Buffer, decoded: string): Buffer {
    const isNew = this.#held.length === 0
    const bytes = isNew ? chunk : Buffer.concat([this.#held, chunk])
    const text = isNew ? decoded : bytes.toString('latin1')
    const mayHaveIt = text.includes('"usage"')
    const passing: Buffer[] = []
    let keptFrom = 0
    let from = 0
    for (let end = eventEnd(text, 0); end !== -1; end = eventEnd(text, from)) {
      const begin = mayHaveIt ? afterEmptyLines(text, from) : from
      if (mayHaveIt && saysOnlyUsage(text.slice(begin, end))) {
        passing.push(bytes.subarray(keptFrom, begin))
        keptFrom = end
      }
      from = end
    }
    if (bytes.length - from > EVENT_BYTES) from = bytes.length
    this.#held = from === bytes.length ? NOTHING : bytes.subarray(from)
    if (keptFrom === 0 && from === bytes.length) return bytes
    passing.push(bytes.subarray(keptFrom, from))
    return passing.length === 1 ? passing[0]! : Buffer.concat(passing)
  }

  /** @param text whole events, decoded as latin1. @returns whether all of them pass as they are. */
  lets(text: string): boolean {
    if (this.#held.length > 0) return false
    for (let at = valueAt(text, 'usage"'); at !== -1; at = valueAt(text, 'usage"', at)) {
      if (text[at] === '{') return false
    }
    return true
  }

  /** What is still held when the stream ends. */
  rest(): Buffer {
    const held = this.#held
    this.#held = NOTHING
    return held
  }
}

/** After the empty line that ends the event which begins at `from`; -1 if it has not come yet. */
function eventEnd(text: string, from: number): number {
  for (let at = text.indexOf('\n', from); at !== -1; at = text.indexOf('\n', at + 1)) {
    if (text[at + 1] === '\n') return at + 2
    if (text[at + 1] === '\r' && text[at + 2] === '\n') return at + 3
  }
  return -1
}

function afterEmptyLines(text: string, from: number): number {
  let at = from
  while (text[at] === '\n' || text[at] === '\r') at++
  return at
}

function saysOnlyUsage(event: string): boolean {
  if (event[valueAt(event, '"choices"')] !== '[' || event[valueAt(event, '"usage"')] !== '{') return false
  const line = event.split('\n').find((it) => it.startsWith('data:'))
  const data = parsed(line?.slice('data:'.length) ?? '')
  if (typeof data !== 'object' || data === null || !('choices' in data) || !('usage' in data)) return false
  return Array.isArray(data.choices) && data.choices.length === 0 && data.usage !== null
}
