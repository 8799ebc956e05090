import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readEventStream, type StreamEvent } from './event-stream.ts'

const STREAM =
  ': waiting for a replica\n\ndata: {"a":"é"}\n\ndata: one\ndata: two\r\n\r\nevent: x\nid: 3\n\n:\n\ndata:[DONE]\n\n'
const EVENTS: StreamEvent[] = [
  { kind: 'comment', text: 'waiting for a replica' },
  { kind: 'data', text: '{"a":"é"}' },
  { kind: 'data', text: 'one\ntwo' },
  { kind: 'comment', text: '' },
  { kind: 'data', text: '[DONE]' },
]

const collect = (pieces: readonly Uint8Array[]) =>
  Array.fromAsync(
    readEventStream(
      (async function* () {
        yield* pieces
      })(),
    ),
  )

test('events are the same wherever the bytes are cut', async () => {
  const bytes = Buffer.from(STREAM)
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(bytes.length)), async (cuts) => {
      const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
      const pieces = edges.slice(1).map((end, at) => bytes.subarray(edges[at], end))
      expect(await collect(pieces)).toEqual(EVENTS)
    }),
  )
})

test('a stream that ends without its last empty line still tells its last event', async () => {
  expect(await collect([Buffer.from('data: last')])).toEqual([{ kind: 'data', text: 'last' }])
})
