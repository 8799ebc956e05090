import { ErrorBody, errorCodes, HTTP_STATUS, RETRYABLE } from '@berth/contract'
import { expect, test } from 'vitest'
import { PlatformError } from '../domain/errors.ts'
import { retryable, toErrorResponse } from './error-response.ts'

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
