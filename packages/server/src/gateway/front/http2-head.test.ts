import { expect, test } from 'vitest'
import { requestOfStream, streamHead } from './http2-head.ts'

const START = [':method', 'POST', ':scheme', 'https', ':path', '/e/a/b?c', ':authority', 'host.test:8443']
const read = (more: readonly string[], isWhole = false, start = START) =>
  requestOfStream([...start, ...more], isWhole, 1_000)

test('its authority is its host, and pseudo-headers go no further', () => {
  expect(read(['x-own', '1'])).toMatchObject({
    method: 'POST',
    url: '/e/a/b?c',
    headers: { host: 'host.test:8443', pairs: ['x-own', '1', 'host', 'host.test:8443'] },
  })
  expect(read(['host', 'host.test:8443'])).toMatchObject({ headers: { pairs: ['host', 'host.test:8443'] } })
  expect(read(['host', 'own.test'], false, START.slice(0, 6))).toMatchObject({
    headers: { host: 'own.test' },
  })
})

test('a cookie in parts is one, as readers of HTTP/1.1 take it', () => {
  expect(read(['cookie', 'a=1', 'x-own', '1', 'cookie', 'b=2'])).toMatchObject({
    headers: { cookie: 'a=1; b=2', pairs: ['x-own', '1', 'host', 'host.test:8443', 'cookie', 'a=1; b=2'] },
  })
})

test.for([
  [[], true, 'none', false],
  [[], false, 'chunked', false],
  [['content-length', '3'], false, 'length', false],
  [['content-length', '0'], false, 'none', false],
  [['expect', '100-continue'], false, 'chunked', true],
  [['expect', '100-continue'], true, 'none', false],
] as const)(
  'with %j, and whole: %j, its body is %s, and it waits for a 100: %j',
  ([more, isWhole, kind, waits]) => {
    expect(read(more, isWhole)).toMatchObject({ body: { kind }, expectsContinue: waits })
  },
)

test.for([
  [['host', 'other.test'], 400, 'its Host header is not its :authority'],
  [['authorization', 'a', 'authorization', 'b'], 400, 'more than one authorization'],
  [['x-own', 'y'.repeat(900)], 431, 'larger than 1000 bytes'],
] as const)('with %j it is refused', ([more, status, fault]) => {
  expect(read(more)).toEqual({ status, fault: expect.stringContaining(fault) })
})

test('an answer has a date, names in lower case, and no length where there is no body', () => {
  const start = { reason: '', lines: 'X-Own: 1\r\n', bytes: 0 }
  expect(streamHead({ ...start, status: 204 }, 'now')).toEqual([
    ...[':status', '204', 'x-own', '1', 'date', 'now'],
  ])
  expect(streamHead({ ...start, status: 200, date: 'then' }, 'now')).toEqual([
    ...[':status', '200', 'x-own', '1', 'date', 'then', 'content-length', '0'],
  ])
})
