import { expect, test } from 'vitest'
import { writeHead, writeTrailers } from './answer-head.ts'

const TO = { method: 'GET', isHttp10: false, mayPersist: true, keepAliveMs: 65_000, date: 'now' }

test.for([
  ['chunked where no length is known', 200, ['x', '1'], {}, { framing: 'chunked', persists: true }],
  ['by its length', 200, ['Content-Length', '5'], {}, { framing: 'length', bytes: 5, persists: true }],
  [
    'to the end of the connection for HTTP/1.0',
    200,
    [],
    { isHttp10: true },
    { framing: 'until-close', persists: false },
  ],
  [
    'by its length for HTTP/1.0 too',
    200,
    ['content-length', '5'],
    { isHttp10: true },
    { framing: 'length', persists: true },
  ],
  [
    'not at all for HEAD',
    200,
    ['content-length', '5'],
    { method: 'HEAD' },
    { framing: 'none', bytes: 0, persists: true },
  ],
  ['not at all for 204', 204, [], {}, { framing: 'none' }],
  ['not at all for 304', 304, ['content-length', '5'], {}, { framing: 'none' }],
] as const)('a body is framed %s', ([, status, headers, changes, result]) => {
  expect(writeHead(status, '', [...headers], { ...TO, ...changes })).toMatchObject(result)
})

test('a head says what it must, once', () => {
  expect(writeHead(200, 'Fine', ['a', '1', 'Date', 'then', 'content-length', '0'], TO).text).toBe(
    'HTTP/1.1 200 Fine\r\na: 1\r\nDate: then\r\ncontent-length: 0\r\nconnection: keep-alive\r\nkeep-alive: timeout=65\r\n\r\n',
  )
  expect(writeHead(404, '', [], { ...TO, mayPersist: false }).text).toBe(
    'HTTP/1.1 404 Not Found\r\ndate: now\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n',
  )
})

test('a 204 says no length, since a reader who believed it would lose the next answer', () => {
  expect(writeHead(204, '', ['content-length', '5'], TO).text).not.toContain('content-length')
})

test('a trailer cannot say what a head decides', () => {
  expect(writeTrailers(['x-sum', '1', 'Content-Length', '5', 'set-cookie', 'a'])).toBe(
    '0\r\nx-sum: 1\r\n\r\n',
  )
})
