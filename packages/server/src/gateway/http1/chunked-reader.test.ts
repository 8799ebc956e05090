import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CHUNK_END, ChunkedReader, chunkStart, LAST_CHUNK } from './chunked-reader.ts'

function read(parts: readonly Buffer[]) {
  const reader = new ChunkedReader()
  let body = ''
  let rest = ''
  for (const part of parts) {
    const end = reader.read(part, 0, part.length, (from, to) => {
      body += part.toString('latin1', from, to)
    })
    if (reader.fault === '') rest += part.toString('latin1', end)
  }
  const { isDone, fault, trailers } = reader
  return fault === '' ? { body, isDone, rest, trailers } : { body, fault }
}

const whole = (text: string) => read([Buffer.from(text, 'latin1')])
const byBytes = (text: string) => read([...Buffer.from(text, 'latin1')].map((byte) => Buffer.of(byte)))

describe('ChunkedReader', () => {
  test.for([
    ['3\r\nabc\r\n0\r\n\r\n', { body: 'abc', isDone: true, rest: '', trailers: [] }],
    [
      '1\r\na\r\n00A\r\n0123456789\r\n0\r\n\r\nnext',
      { body: 'a0123456789', isDone: true, rest: 'next', trailers: [] },
    ],
    [
      '0\r\nX: 1\r\ny:2\r\n\r\nnext',
      { body: '', isDone: true, rest: 'next', trailers: ['X', '1', 'y', '2'] },
    ],
    ['3\r\nab', { body: 'ab', isDone: false, rest: '', trailers: [] }],
    ['0\r\n', { body: '', isDone: false, rest: '', trailers: [] }],
    ['3;a=b\r\nabc\r\n', { body: '', fault: 'a chunk has no plain size' }],
    ['\r\n', { body: '', fault: 'a chunk has no plain size' }],
    ['-1\r\n', { body: '', fault: 'a chunk has no plain size' }],
    ['0x1\r\na\r\n', { body: '', fault: 'a chunk has no plain size' }],
    ['1 \r\na\r\n', { body: '', fault: 'a chunk has no plain size' }],
    ['1\na\n', { body: '', fault: 'a chunk has no plain size' }],
    ['1\r\r\na', { body: '', fault: 'the size of a chunk does not end in CRLF' }],
    ['1\r\nab\r\n', { body: 'a', fault: 'a chunk is longer than its size' }],
    ['1\r\na\rb', { body: 'a', fault: 'a chunk does not end in CRLF' }],
    ['fffffffffffff\r\n', { body: '', fault: 'a chunk is too large' }],
    ['0\r\nx\r\n\r\n', { body: '', fault: 'a header has no colon' }],
    ['0\r\nx: a\nb\r\n\r\n', { body: '', fault: 'a line ends in a bare line feed' }],
    ['0\r\nContent-Length: 1\r\n\r\n', { body: '', fault: 'a trailer says how the body is framed' }],
    [`0\r\nx: ${'y'.repeat(9_000)}\r\n\r\n`, { body: '', fault: 'its trailers are too long' }],
  ] as const)('%j', ([text, result]) => {
    expect(whole(text)).toEqual(result)
    expect(byBytes(text)).toEqual(result)
  })

  test('it reads what was written, wherever it was cut', () => {
    const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 })
    fc.assert(
      fc.property(chunks, fc.array(fc.nat(300), { maxLength: 6 }), (payloads, cuts) => {
        const written = Buffer.concat([
          ...payloads.flatMap((bytes) => [
            Buffer.from(chunkStart(bytes.length)),
            Buffer.from(bytes),
            Buffer.from(CHUNK_END),
          ]),
          Buffer.from(`${LAST_CHUNK}next`),
        ])
        const ends = [...cuts.filter((cut) => cut < written.length), written.length].toSorted((a, b) => a - b)
        const parts = ends.map((end, i) => written.subarray(ends[i - 1] ?? 0, end))
        const body = Buffer.concat(payloads).toString('latin1')
        expect(read(parts)).toEqual({ body, isDone: true, rest: 'next', trailers: [] })
      }),
    )
  })
})
