import { expect, test } from 'vitest'
import { framingOf, persistsFor, writeHead, writeTrailers } from './answer-head.ts'

const GET = { method: 'GET', isHttp10: false }
const START = { status: 200, reason: '', lines: '', bytes: undefined }

test.for([
  ['chunked where no length is known', 200, undefined, {}, 'chunked'],
  ['by its length', 200, 5, {}, 'length'],
  ['to the end of the connection for HTTP/1.0', 200, undefined, { isHttp10: true }, 'until-close'],
  ['by its length for HTTP/1.0 too', 200, 5, { isHttp10: true }, 'length'],
  ['not at all for HEAD', 200, 5, { method: 'HEAD' }, 'none'],
  ['not at all for 204', 204, undefined, {}, 'none'],
  ['not at all for 304', 304, 5, {}, 'none'],
] as const)('a body is framed %s', ([, status, bytes, changes, framing]) => {
  expect(framingOf({ status, bytes }, { ...GET, ...changes })).toBe(framing)
})

test('a head says what it must, once', () => {
  const fine = { status: 200, reason: 'Fine', lines: 'a: 1\r\n', bytes: 0, date: 'then' }
  expect(writeHead(fine, 'length', 'now', persistsFor(65_000))).toBe(
    'HTTP/1.1 200 Fine\r\na: 1\r\ndate: then\r\ncontent-length: 0\r\nconnection: keep-alive\r\nkeep-alive: timeout=65\r\n\r\n',
  )
  expect(writeHead({ ...START, status: 404 }, 'chunked', 'now', undefined)).toBe(
    'HTTP/1.1 404 Not Found\r\ndate: now\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n',
  )
})

test('a 204 says no length, since a reader who believed it would lose the next answer', () => {
  expect(writeHead({ ...START, status: 204, bytes: 5 }, 'none', 'now', undefined)).not.toContain(
    'content-length',
  )
})

test('a trailer cannot say what a head decides', () => {
  expect(writeTrailers(['x-sum', '1', 'Content-Length', '5', 'set-cookie', 'a'])).toBe(
    '0\r\nx-sum: 1\r\n\r\n',
  )
})
