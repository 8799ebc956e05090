import { TokenCreate } from '@berth/contract'
import { expect, test } from 'vitest'
import { EMPTY_TOKEN_FORM, tokenFrom } from './token-form.ts'

const NOW = Date.parse('2026-08-15T12:00:00Z')

test('a token lasts as long as was chosen, with the limits that were typed', () => {
  const token = tokenFrom(
    {
      ...EMPTY_TOKEN_FORM,
      name: ' laptop ',
      lasts: '7',
      limits: { ...EMPTY_TOKEN_FORM.limits, requestsPerMinute: '60' },
    },
    NOW,
  )
  expect(token).toEqual({
    name: 'laptop',
    role: 'read',
    expiresAt: '2026-08-22T12:00:00.000Z',
    limits: { requestsPerMinute: 60 },
  })
  expect(TokenCreate.safeParse(token).success).toBe(true)
})

test('a token may last for ever', () => {
  expect(tokenFrom({ ...EMPTY_TOKEN_FORM, lasts: 'never' }, NOW).expiresAt).toBeNull()
})

test('a limit that is no number is refused at its field', () => {
  const token = tokenFrom(
    { ...EMPTY_TOKEN_FORM, name: 'x', limits: { ...EMPTY_TOKEN_FORM.limits, bodyBytes: '8m' } },
    NOW,
  )
  expect(TokenCreate.safeParse(token).error?.issues[0]?.path).toEqual(['limits', 'bodyBytes'])
})
