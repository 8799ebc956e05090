import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameReader, type LogFrame, LogPosition } from './log-frames.ts'

test('frames are the same however the bytes are cut into chunks', () => {
  const frame = fc.record({ output: fc.constantFrom(1, 2), text: fc.string({ maxLength: 40 }) })
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      (frames, sizes) => {
        const bytes = Buffer.concat(frames.map(({ output, text }) => encode(output, `${at(1)} ${text}`)))
        const read = inChunks(bytes, sizes).map(({ output, timestamp, text }) => [
          output,
          timestamp,
          text.toString(),
        ])
        expect(read).toEqual(
          frames.map(({ output, text }) => [output === 2 ? 'stderr' : 'stdout', at(1), text]),
        )
      },
    ),
  )
})

test('what is no log stream is refused, not collected', () => {
  expect(() => new FrameReader().push(Buffer.from('HTTP/1.1 200 OK'))).toThrow('is none')
})

test('wherever reading breaks off, going on neither misses nor repeats a frame', () => {
  // Pieces of one line share a timestamp.
  const log = [1, 1, 1, 2, 3, 3, 4].map((second, i) => frameAt(second, String(i)))
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 8 }), (lengths) => {
      const position = new LogPosition()
      const read: LogFrame[] = []
      for (const length of [...lengths, log.length]) {
        const since = position.resume()
        const stream =
          since === undefined ? log : log.filter(({ timestamp }) => seconds(timestamp) >= Number(since))
        for (const frame of stream.slice(0, length)) if (position.take(frame)) read.push(frame)
      }
      expect(read.map(({ text }) => text.toString())).toEqual(
        log.slice(0, read.length).map((_, i) => String(i)),
      )
      // A broken stream that ends before anything new makes no progress; the last one is whole.
      expect(read).toHaveLength(log.length)
    }),
  )
})

test('the moment to go on from keeps its nanoseconds', () => {
  const position = new LogPosition()
  expect(position.resume()).toBeUndefined()
  position.take({ output: 'stdout', timestamp: '2026-01-02T03:04:05.000000006Z', text: Buffer.alloc(0) })
  expect(position.resume()).toBe(`${Date.parse('2026-01-02T03:04:05Z') / 1000}.000000006`)
})

const at = (second: number) => `2026-01-02T03:04:0${second}.000000000Z`
const seconds = (timestamp: string) => Date.parse(timestamp) / 1000
const frameAt = (second: number, text: string): LogFrame => ({
  output: 'stdout',
  timestamp: at(second),
  text: Buffer.from(text),
})

function encode(output: number, payload: string): Buffer {
  const body = Buffer.from(payload)
  const header = Buffer.from([output, 0, 0, 0, 0, 0, 0, 0])
  header.writeUInt32BE(body.length, 4)
  return Buffer.concat([header, body])
}

function inChunks(bytes: Buffer, sizes: readonly number[]): LogFrame[] {
  const reader = new FrameReader()
  const frames: LogFrame[] = []
  for (let begin = 0, i = 0; begin < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1
    frames.push(...reader.push(bytes.subarray(begin, begin + size)))
    begin += size
  }
  return frames
}

test('a line that follows within the same millisecond was not read yet', () => {
  const position = LogPosition.at('2026-01-02T03:04:05.120000006Z#1')
  expect(position.isAfter('2026-01-02T03:04:05.120000006Z')).toBe(true)
  expect(position.isAfter('2026-01-02T03:04:05.12Z')).toBe(true)
  expect(position.isAfter('2026-01-02T03:04:05.120000007Z')).toBe(false)
  expect(position.isAfter('2026-01-02T03:04:06Z')).toBe(false)
})
