/** What the form of a new token holds, and the token that it means. Pure: `now` is an argument. */
import type { TokenRole, UsageLimits } from '@berth/contract'

export type TokenForm = {
  readonly name: string
  readonly role: TokenRole
  /** Days until it ends, or `never`. */
  readonly lasts: '7' | '30' | '90' | '365' | 'never'
  readonly limits: Readonly<Record<keyof UsageLimits, string>>
}

export const EMPTY_TOKEN_FORM: TokenForm = {
  name: '',
  role: 'read',
  lasts: '90',
  limits: {
    requestsPerMinute: '',
    tokensPerMinute: '',
    concurrentRequests: '',
    bodyBytes: '',
    requestSeconds: '',
  },
}

const DAY_MS = 24 * 60 * 60_000

export function tokenFrom({ name, role, lasts, limits }: TokenForm, now: number) {
  const named = Object.entries(limits).filter(([, text]) => text.trim() !== '')
  return {
    name: name.trim(),
    role,
    expiresAt: lasts === 'never' ? null : new Date(now + Number(lasts) * DAY_MS).toISOString(),
    limits: Object.fromEntries(named.map(([key, text]) => [key, numberOrText(text)])) as UsageLimits,
  }
}

/** What is no number is sent as it is, so that the refusal names it. */
function numberOrText(text: string): number | string {
  const value = Number(text.trim())
  return Number.isNaN(value) ? text : value
}
