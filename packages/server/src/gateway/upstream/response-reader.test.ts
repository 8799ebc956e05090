import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ResponseReader } from './response-reader.ts'

type Said = {
  interim: number[]
  status: number
  reason: string
  body: string
  trailers: readonly string[] | undefined
}

/** What the connection carried before: interim answers, and one in chunks. */
const BEFORE = Buffer.from(
  'HTTP/1.1 103 Hints\r\n\r\n'.repeat(16) +
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n',
)

function read(parts: readonly Buffer[], { method = 'GET', mayUpgrade = false, closes = false } = {}) {
  let said: Said = { interim: [], status: 0, reason: '', body: '', trailers: undefined }
  const reader = new ResponseReader({
    informed: ({ status }) => void said.interim.push(status),
    began: ({ status, reason }) => Object.assign(said, { status, reason }),
    passed: (chunk) => {
      said.body += chunk.toString('latin1')
    },
    ended: (trailers) => {
      said.trailers = trailers
    },
  })
  reader.expect({ method: 'GET', mayUpgrade: false })
  expect(reader.read(BEFORE)).toBe(BEFORE.length)
  expect(reader.state).toBe('done')
  said = { interim: [], status: 0, reason: '', body: '', trailers: undefined }
  reader.expect({ method, mayUpgrade })
  let unused = 0
  for (const part of parts) unused += part.length - reader.read(part)
  if (closes) reader.closed()
  return { ...said, state: reader.state, fault: reader.fault, unused: reader.state === 'fault' ? 0 : unused }
}

const whole = (text: string, how = {}) => read([Buffer.from(text, 'latin1')], how)
const OK = 'HTTP/1.1 200 OK\r\n'

describe('ResponseReader', () => {
  test.for([
    [`${OK}content-length: 2\r\n\r\nok`, {}, { status: 200, body: 'ok', state: 'done', unused: 0 }],
    [`${OK}content-length: 2\r\n\r\nok!!`, {}, { body: 'ok', state: 'done', unused: 2 }],
    [`${OK}content-length: 0\r\n\r\n`, {}, { body: '', state: 'done', trailers: [] }],
    [`${OK}connection: close\r\ncontent-length: 2\r\n\r\nok`, {}, { body: 'ok', state: 'last' }],
    ['HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok', {}, { body: 'ok', state: 'last' }],
    [
      `${OK}Transfer-Encoding: Chunked\r\n\r\n2\r\nok\r\n0\r\nx: 1\r\n\r\n`,
      {},
      { body: 'ok', state: 'done', trailers: ['x', '1'] },
    ],
    [`${OK}\r\nok`, {}, { body: 'ok', state: 'more', trailers: undefined }],
    [`${OK}\r\nok`, { closes: true }, { body: 'ok', state: 'last', trailers: [] }],
    [`${OK}content-length: 3\r\n\r\nok`, { closes: true }, { state: 'fault', trailers: undefined }],
    ['', { closes: true }, { state: 'fault', fault: 'it closed the connection' }],
    [`${OK}content-length: 7\r\n\r\n`, { method: 'HEAD' }, { body: '', state: 'done' }],
    ['HTTP/1.1 204 No Content\r\n\r\n', {}, { status: 204, state: 'done' }],
    ['HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n', {}, { status: 304, body: '', state: 'done' }],
    ['HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n', {}, { status: 200, reason: '', state: 'done' }],
    ['HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n', {}, { status: 200, reason: '', state: 'done' }],
    [
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n${OK}content-length: 0\r\n\r\n`,
      {},
      { interim: [100, 103], status: 200, state: 'done' },
    ],
    [
      'HTTP/1.1 101 Switching Protocols\r\n\r\nframes',
      { mayUpgrade: true },
      { status: 101, state: 'upgraded', unused: 6 },
    ],
    ['HTTP/1.1 101 Switching Protocols\r\n\r\nframes', {}, { status: 0, state: 'fault' }],
    ['HTTP/1.1 103 Hints\r\ncontent-length: 2\r\n\r\n', {}, { state: 'fault' }],
    ['HTTP/1.1 102 Processing\r\n\r\n'.repeat(17), {}, { state: 'fault' }],
    [`${OK}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n`, {}, { status: 0, state: 'fault' }],
    [`${OK}content-length: 2\r\ncontent-length: 2\r\n\r\n`, {}, { status: 0, state: 'fault' }],
    [`${OK}content-length: 2 3\r\n\r\n`, {}, { state: 'fault', fault: 'its Content-Length is no length' }],
    ['HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', {}, { state: 'fault' }],
    [
      `${OK}transfer-encoding: chunked\r\n\r\n2\r\nok\r\nx`,
      {},
      { body: 'ok', state: 'fault', trailers: undefined },
    ],
    ['HTTP/1.1 099 Low\r\n\r\n', {}, { state: 'fault' }],
    ['HTTP/1.1  200 OK\r\n\r\n', {}, { state: 'fault' }],
    ['SSH-2.0-OpenSSH\r\n\r\n', {}, { state: 'fault' }],
  ] as const)('%j %j: %j', ([text, how, result]) => {
    expect(whole(text, how)).toMatchObject(result)
    const bytes = [...Buffer.from(text, 'latin1')].map((byte) => Buffer.of(byte))
    expect(read(bytes, how)).toEqual(whole(text, how))
  })

  test('an answer is the same answer wherever it is cut', () => {
    const body = fc.stringMatching(/^[a-z\r\n]{0,60}$/)
    fc.assert(
      fc.property(body, fc.boolean(), fc.array(fc.nat(200), { maxLength: 5 }), (text, chunked, cuts) => {
        const framed = chunked
          ? `transfer-encoding: chunked\r\n\r\n${text === '' ? '' : `${text.length.toString(16)}\r\n${text}\r\n`}0\r\n\r\n`
          : `content-length: ${text.length}\r\n\r\n${text}`
        const bytes = Buffer.from(OK + framed)
        const ends = [...cuts.filter((cut) => cut < bytes.length), bytes.length].toSorted((a, b) => a - b)
        const parts = ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
        expect(read(parts)).toMatchObject({ body: text, state: 'done', unused: 0 })
      }),
    )
  })
})
