/**
 * One interval of an endpoint as it lies in a file: when it began, the whole endpoint, and each replica.
 *
 * A frame says how long it is and what its bytes add up to, so that a file that was cut off by a kill is read up to
 * its last whole frame. Frames of the same time are added up: what comes late is written later.
 */
import { crc32 } from 'node:zlib'
import { ByteReader, ByteWriter } from './bytes.ts'
import { Interval } from './interval.ts'

/** The key of all replicas together. */
export const TOGETHER = ''

/** By replica, or `TOGETHER`. */
export type Intervals = Map<string, Interval>

const HEAD_BYTES = 8
/** No frame is longer: an endpoint has hundreds of replicas at most. */
const MAX_FRAME_BYTES = 4 * 2 ** 20

const frame = new ByteWriter()
const part = new ByteWriter()

export function encodeFrame(beginsAt: number, intervals: Intervals): Buffer {
  frame.clear()
  frame.whole(beginsAt / 1_000)
  frame.whole(intervals.size)
  for (const [replica, interval] of intervals) {
    part.clear()
    interval.write(part)
    frame.text(replica)
    frame.whole(part.length)
    frame.raw(part.bytes)
  }
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + frame.length)
  bytes.writeUInt32LE(frame.length, 0)
  bytes.writeUInt32LE(crc32(frame.bytes), 4)
  bytes.set(frame.bytes, HEAD_BYTES)
  return bytes
}

export type Wanted = {
  readonly from: number
  readonly to: number
  /** How much of one replica, or of `TOGETHER`. */
  readonly part: (replica: string) => Part
}

/** Only that it was there; without what is long; or all that is known. */
export type Part = 'presence' | 'numbers' | 'everything'

/**
 * Reads frame after frame from `at` on and adds what is wanted to what `into` gives for its time.
 * @returns where the next frame begins; `undefined` at the end, or where something else than a frame begins.
 */
export function readFrame(
  bytes: Buffer,
  at: number,
  wanted: Wanted,
  into: (beginsAt: number) => Intervals,
): number | undefined {
  const end = wholeFrameAt(bytes, at)
  if (end === undefined) return undefined
  const reader = new ByteReader(bytes, at + HEAD_BYTES, end)
  const beginsAt = reader.whole() * 1_000
  if (beginsAt < wanted.from || beginsAt >= wanted.to) return end
  const intervals = into(beginsAt)
  for (let left = reader.whole(); left > 0; left--) {
    const replica = reader.text()
    const length = reader.whole()
    const next = reader.at + length
    const interval = intervalOf(intervals, replica)
    const part = wanted.part(replica)
    if (part !== 'presence') interval.mergeFrom(reader, { distributions: part === 'everything' })
    reader.at = next
  }
  return end
}

/** Where the frame that begins `at` ends; `undefined` if none does. */
export function wholeFrameAt(bytes: Buffer, at: number): number | undefined {
  if (at + HEAD_BYTES > bytes.length) return undefined
  const length = bytes.readUInt32LE(at)
  const end = at + HEAD_BYTES + length
  if (length > MAX_FRAME_BYTES || end > bytes.length) return undefined
  return crc32(bytes.subarray(at + HEAD_BYTES, end)) === bytes.readUInt32LE(at + 4) ? end : undefined
}

export function intervalOf(intervals: Intervals, replica: string): Interval {
  let interval = intervals.get(replica)
  if (!interval) {
    interval = new Interval()
    intervals.set(replica, interval)
  }
  return interval
}
