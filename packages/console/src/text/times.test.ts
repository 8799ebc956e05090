import { expect, test } from 'vitest'
import { duration, relativeTime } from './times.ts'

const NOW = Date.parse('2026-08-15T12:00:00Z')
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

test.for([
  [0, 'just now'],
  [-44_000, 'just now'],
  [-50_000, '1 min ago'],
  [-59 * MINUTE, '59 min ago'],
  [-90 * MINUTE, '2 h ago'],
  [-DAY, '1 day ago'],
  [-12 * DAY, '12 days ago'],
  [10_000, 'in a moment'],
  [3 * DAY, 'in 3 days'],
] as const)('%d ms from now is %s', ([distance, said]) => {
  expect(relativeTime(NOW + distance, NOW)).toBe(said)
})

test('what is months away is a date, with its year if that is another', () => {
  expect(relativeTime(Date.parse('2026-02-03T12:00:00Z'), NOW)).toBe('3 Feb')
  expect(relativeTime(Date.parse('2025-02-03T12:00:00Z'), NOW)).toBe('3 Feb 2025')
})

test.for([
  [12, '12 ms'],
  [4_230, '4.2 s'],
  [42_000, '42 s'],
  [200_000, '3 min 20 s'],
  [2 * HOUR, '2 h'],
  [2 * HOUR + 5 * MINUTE, '2 h 5 min'],
  [5 * DAY, '5 days'],
] as const)('%d ms last %s', ([ms, said]) => {
  expect(duration(ms)).toBe(said)
})
