import { ErrorBody, errorCodes, HTTP_STATUS, RETRYABLE } from '@berth/contract'
import { expect, test } from 'vitest'
import { PlatformError } from '../domain/errors.ts'
import { dialectOf, retryable, toErrorResponse } from './error-response.ts'

test('every code has the status and the retry advice of the contract', () => {
  expect(new Set(retryable)).toEqual(new Set(RETRYABLE))
  for (const code of errorCodes) {
    const { status, body } = toErrorResponse(new PlatformError(code, 'x'), 'r')
    expect(status).toBe(HTTP_STATUS[code])
    expect(ErrorBody.strict().parse(body)).toEqual({
      error: 'x',
      code,
      retryable: RETRYABLE.has(code),
      requestId: 'r',
    })
  }
})

test('a bug is reported without its message', () => {
  const { status, body } = toErrorResponse(new TypeError('password=hunter2'), 'req-2')
  expect(status).toBe(500)
  expect(JSON.stringify(body)).not.toContain('hunter2')
  expect(body.error).toContain('req-2')
})

test('a time to try again is told in whole seconds and never as none', () => {
  const after = (retryAfterMs: number) =>
    toErrorResponse(new PlatformError('overloaded', 'x', { retryAfterMs }), 'r').headers['retry-after']
  expect([0, 1, 1_000, 1_001].map(after)).toEqual(['1', '1', '1', '2'])
})

test("OpenAI's clients find the sentence where they look, and everything else is where it always is", () => {
  const error = new PlatformError('waking', 'Starting.', { field: 'model', retryAfterMs: 1_500 })
  const { error: plain, ...rest } = toErrorResponse(error, 'r').body
  expect(plain).toBe('Starting.')
  const answer = toErrorResponse(error, 'r', 'openai')
  expect(answer.body).toEqual({
    error: { message: 'Starting.', type: 'server_error', param: 'model', code: 'waking' },
    ...rest,
  })
  expect(answer.headers).toMatchObject({ 'retry-after': '2', 'x-should-retry': 'true' })
  const paused = toErrorResponse(new PlatformError('paused', 'x'), 'r', 'openai')
  expect(paused.headers).toMatchObject({ 'x-should-retry': 'false' })
})

test.for([
  ['/v1/chat/completions', 'openai'],
  ['/v1', 'openai'],
  ['/v1?x', 'openai'],
  ['/e/acme/chat/v1/embeddings?x=1', 'openai'],
  ['/e/acme/chat/', 'berth'],
  ['/e/acme/chat/generate', 'berth'],
  ['/e/v1/chat', 'berth'],
  ['/e/acme/chat/x/v1/', 'berth'],
  ['/v2/endpoint/v1', 'berth'],
  ['/v10', 'berth'],
] as const)('%s speaks %s', ([url, dialect]) => {
  expect(dialectOf(url)).toBe(dialect)
})
