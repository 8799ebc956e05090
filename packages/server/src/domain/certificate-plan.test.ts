import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type CertificateFacts, nextOrderAt } from './certificate-plan.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const NOW = Date.parse('2027-01-01T00:00:00Z')

const issued = {
  names: ['a.example.com', 'b.example.com'],
  directory: 'https://ca.test/directory',
  obtainedAt: NOW,
  validFrom: NOW,
  expiresAt: NOW + 90 * DAY,
  fingerprint: 'AB:CD',
}
const facts: CertificateFacts = {
  names: ['a.example.com'],
  directory: issued.directory,
  now: NOW + DAY,
  startedAt: NOW,
  issued,
  failures: null,
}
const failed = (count: number, lastAt = NOW) => ({ count, lastAt, message: 'no route' })

test('a certificate of 90 days is renewed about a month before it expires', () => {
  const left = issued.expiresAt - nextOrderAt(facts)
  expect(left / DAY).toBeGreaterThanOrEqual(30)
  expect(left / DAY).toBeLessThanOrEqual(34.5)
})

test('one of six days is renewed two days before', () => {
  const left = NOW + 6 * DAY - nextOrderAt({ ...facts, issued: { ...issued, expiresAt: NOW + 6 * DAY } })
  expect(left / DAY).toBeGreaterThanOrEqual(2)
  expect(left / DAY).toBeLessThanOrEqual(2.3)
})

test('two certificates of the same day are not renewed at the same moment', () => {
  expect(nextOrderAt(facts)).not.toBe(nextOrderAt({ ...facts, issued: { ...issued, fingerprint: 'EF' } }))
})

test.for<[what: string, change: Partial<CertificateFacts>]>([
  ['there is none', { issued: null }],
  ['a name is missing in it', { names: ['a.example.com', 'c.example.com'] }],
  ['it is from another authority', { directory: 'https://other.test/directory' }],
])('an order is due at once when %s', ([, change]) => {
  expect(nextOrderAt({ ...facts, ...change })).toBeLessThanOrEqual(NOW)
})

test('a name that is no longer wanted is no reason to order again', () => {
  expect(nextOrderAt({ ...facts, names: ['b.example.com'] })).toBeGreaterThan(NOW + 50 * DAY)
})

test('orders that fail are repeated ever more rarely, and never more than five times in an hour', () => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 8, 9, 20].map(
    (count) => nextOrderAt({ ...facts, issued: null, failures: failed(count) }) - NOW,
  )
  const nominal = [5, 10, 20, 40, 80, 160, 320, 360, 360, 360].map((minutes) => minutes * MINUTE)
  for (const [at, wait] of waits.entries()) {
    expect(wait).toBeGreaterThanOrEqual(nominal[at]! * 0.75)
    expect(wait).toBeLessThanOrEqual(nominal[at]! * 1.25)
  }
  expect(waits.slice(0, 5).reduce((sum, wait) => sum + wait)).toBeGreaterThan(60 * MINUTE)
})

test('after a restart a failure of long ago is not waited for, and one of just now for ten minutes at most', () => {
  const wants = { ...facts, issued: null }
  expect(
    nextOrderAt({ ...wants, failures: failed(8, NOW - 60 * MINUTE), startedAt: NOW }),
  ).toBeLessThanOrEqual(NOW)
  expect(nextOrderAt({ ...wants, failures: failed(8, NOW - MINUTE), startedAt: NOW })).toBe(NOW + 9 * MINUTE)
  expect(nextOrderAt({ ...wants, failures: failed(8, NOW), startedAt: NOW - 1 })).toBeGreaterThan(
    NOW + 4 * 60 * MINUTE,
  )
})

test('a clock that is a year ahead orders once in a month, and one that was set back renews in time', () => {
  const year = 365 * DAY
  const obtained = { ...issued, obtainedAt: NOW + year }
  expect(nextOrderAt({ ...facts, issued: obtained, now: NOW + year })).toBe(NOW + year + 30 * DAY)
  expect(nextOrderAt({ ...facts, issued: obtained })).toBeLessThan(NOW + 61 * DAY)
})

test('a failure of the future is none', () => {
  expect(nextOrderAt({ ...facts, issued: null, failures: failed(3, NOW + 2 * DAY) })).toBeLessThanOrEqual(NOW)
})

test('whatever its life and however often it failed: never before half of its life, always before its end', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 400 }), fc.string(), (days, fingerprint) => {
      const expiresAt = NOW + days * DAY
      const at = nextOrderAt({ ...facts, issued: { ...issued, expiresAt, fingerprint } })
      expect(at).toBeGreaterThan(NOW + (days * DAY) / 2)
      expect(at).toBeLessThan(expiresAt - (days * DAY) / 4)
    }),
  )
})
