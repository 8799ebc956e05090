import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bytesOfEvents, EventPassage } from './event-passage.ts'
import { ChunkedReader } from './http1/chunked-reader.ts'

const chunk = (payload: string) => `${payload.length.toString(16)}\r\n${payload}\r\n`

test.for<{ what: string; text: string; bytes: number }>([
  { what: 'an event', text: chunk('data: 1\n\n'), bytes: 9 },
  { what: 'two events in one chunk', text: chunk('data: 1\n\ndata: 2\n\n'), bytes: 18 },
  { what: 'two chunks', text: chunk('data: 1\n\n') + chunk('data: 2\r\n\r\n'), bytes: 20 },
  { what: 'a size in capitals, with zeros before it', text: `00B\r\ndata: 123\n\n\r\n`, bytes: 11 },
  { what: 'the last chunk', text: '0\r\n\r\n', bytes: 0 },
  { what: 'an event and the last chunk', text: `${chunk('data: 1\n\n')}0\r\n\r\n`, bytes: 0 },
  { what: 'nothing', text: '', bytes: 0 },
  { what: 'a chunk that is cut', text: chunk('data: 1\n\n').slice(0, -1), bytes: 0 },
  { what: 'half of an event', text: chunk('data: 1\n'), bytes: 0 },
  { what: 'a chunk and the start of the next', text: `${chunk('data: 1\n\n')}9`, bytes: 0 },
  { what: 'an extension of a chunk', text: `9;a=b\r\ndata: 1\n\n\r\n`, bytes: 0 },
  { what: 'a bare LF after the size', text: `9\ndata: 1\n\n\r\n`, bytes: 0 },
  { what: 'a chunk longer than its size', text: `8\r\ndata: 1\n\n\r\n`, bytes: 0 },
  { what: 'no size', text: `\r\ndata: 1\n\n\r\n`, bytes: 0 },
  { what: 'a size of too many digits', text: `${'0'.repeat(20)}9\r\ndata: 1\n\n\r\n`, bytes: 0 },
])('$what: $bytes bytes of events', ({ text, bytes }) => {
  expect(bytesOfEvents(text)).toBe(bytes)
})

const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom('data: 1\n\n', 'data: 2', '\n\n', '\r\n\r\n').map(chunk),
      fc.constantFrom('0\r\n\r\n', '9\r\n', '\r\n', 'a', '\n\n', ';x'),
    ),
  )
  .map((parts) => parts.join(''))

test('what is taken for whole chunks the strict reader reads as just these, and waits for the next', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const bytes = bytesOfEvents(text)
      fc.pre(bytes > 0)
      const reader = new ChunkedReader()
      let payload = ''
      const all = Buffer.from(text, 'latin1')
      reader.read(all, 0, all.length, (from, to) => {
        payload += all.toString('latin1', from, to)
      })
      expect({ fault: reader.fault, isBetween: reader.isBetween }).toEqual({ fault: '', isBetween: true })
      expect(payload).toHaveLength(bytes)
      expect(payload.endsWith('\n\n') || payload.endsWith('\n\r\n')).toBe(true)
    }),
    { numRuns: 500 },
  )
})

function passageWith(passes: boolean, hasRoom: boolean) {
  const did: string[] = []
  const passage = new EventPassage(
    {
      writeChunks: (text) => {
        did.push(text)
        return hasRoom
      },
    },
    { eventsPass: () => passes },
    { advanced: () => did.push('advanced') },
    { clientStalled: () => did.push('stalled') },
  )
  return { did, passage }
}

test('what the onlooker keeps back is not written, and nothing has advanced by it', () => {
  const { did, passage } = passageWith(false, true)
  expect(passage.take(chunk('data: 1\n\n'))).toBe(false)
  expect(did).toEqual([])
})

test('a client that takes no more is waited for after what it was given', () => {
  const { did, passage } = passageWith(true, false)
  expect(passage.take(chunk('data: 1\n\n'))).toBe(true)
  expect(did).toEqual(['advanced', chunk('data: 1\n\n'), 'stalled'])
})
