/** What happened to each request of a trace, by its index. Times are NaN until they are known. */
import type { LatencySlo } from '@berth/server/domain/scale/scale-spec'
import type { Trace } from './trace.ts'

export class Requests {
  readonly trace: Trace
  readonly firstTokenAt: Float64Array
  readonly finishedAt: Float64Array
  /** Prompt tokens still to be worked through, those in a prefix cache left out. */
  readonly toPrefill: Float64Array
  /** Prompt tokens that a prefix cache held. */
  readonly cachedTokens: Float64Array
  /** Arrived while no replica was ready. */
  readonly metNone: Uint8Array

  constructor(trace: Trace) {
    const { length } = trace.at
    this.trace = trace
    this.firstTokenAt = new Float64Array(length).fill(Number.NaN)
    this.finishedAt = new Float64Array(length).fill(Number.NaN)
    this.toPrefill = Float64Array.from(trace.input)
    this.cachedTokens = new Float64Array(length)
    this.metNone = new Uint8Array(length)
  }
}

export function isFirstTokenKept(
  { trace, firstTokenAt }: Requests,
  request: number,
  slo: LatencySlo,
): boolean {
  const limitMs = slo.firstTokenMs + slo.firstTokenMsPerPromptToken * trace.input[request]!
  return firstTokenAt[request]! - trace.at[request]! <= limitMs
}

/** An answer of one token has no time between tokens: it keeps that promise by ending. */
export function isInterTokenKept(requests: Requests, request: number, slo: LatencySlo): boolean {
  if (Number.isNaN(requests.finishedAt[request]!)) return false
  const interTokenMs = interTokenMsOf(requests, request)
  return interTokenMs === null || interTokenMs <= slo.interTokenMs
}

/** Mean over the answer; null for an answer of one token. */
export function interTokenMsOf(
  { trace, firstTokenAt, finishedAt }: Requests,
  request: number,
): number | null {
  const output = trace.output[request]!
  return output <= 1 ? null : (finishedAt[request]! - firstTokenAt[request]!) / (output - 1)
}
