/** A copy of an answer as the client gets it, made while it passes; none of one that is not to be given again. */
import { toClient } from '../headers.ts'
import type { AnswerHead } from '../upstream/response-reader.ts'
import type { KeptAnswer } from './response-cache.ts'

/** Said anew with each answer, or true of one alone. */
const OF_ONE_ANSWER = ['age', 'set-cookie', 'server-timing']

type Head = Pick<AnswerHead, 'status' | 'headers'>

export class AnswerCopy {
  readonly #limitBytes: number
  #head: Head | undefined
  #chunks: Buffer[] = []
  #bytes = 0
  #isWhole = false

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  began(head: Head): void {
    this.#head = mayBeKept(head) ? head : undefined
    this.#chunks = []
    this.#bytes = 0
    this.#isWhole = false
  }

  passed(chunk: Buffer): void {
    if (!this.#head) return
    this.#bytes += chunk.length
    if (this.#bytes > this.#limitBytes) {
      this.#head = undefined
      this.#chunks = []
    } else this.#chunks.push(chunk)
  }

  ended(rest: Buffer | undefined): void {
    if (rest) this.passed(rest)
    this.#isWhole = true
  }

  /** @returns undefined for an answer that was cut off, or that is not to be kept. */
  answer(now: number): KeptAnswer | undefined {
    if (!this.#head || !this.#isWhole) return undefined
    return {
      lines: toClient(this.#head.headers, OF_ONE_ANSWER),
      body: Buffer.concat(this.#chunks),
      keptAt: now,
    }
  }
}

function mayBeKept({ status, headers }: Head): boolean {
  const says = headers['cache-control'] ?? ''
  const contentType = headers['content-type'] ?? ''
  return (
    status === 200 &&
    headers['set-cookie'] === undefined &&
    !/\b(?:no-store|private)\b/i.test(says) &&
    /^(?:application\/json|text\/event-stream|text\/plain)\b/i.test(contentType)
  )
}
