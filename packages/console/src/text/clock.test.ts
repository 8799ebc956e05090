import { expect, test } from 'vitest'
import { deviceAheadMs } from './clock.ts'

const NOW = Date.parse('2026-08-15T12:00:00Z')
const said = (offsetMs: number) => new Date(NOW + offsetMs).toUTCString()

test('a clock that is an hour ahead is known by one answer', () => {
  expect(deviceAheadMs(said(-3_600_000), NOW, NOW)).toBe(3_600_000)
  expect(deviceAheadMs(said(3_600_000), NOW, NOW + 200)).toBe(-3_599_900)
})

test('a slow answer, and one rounded to its second, leave the clock as it is', () => {
  expect(deviceAheadMs(said(-1_000), NOW, NOW)).toBe(0)
  expect(deviceAheadMs(said(0), NOW, NOW + 4_000)).toBe(0)
})

test('nothing is learnt from an answer without a time, or one that came after a sleep', () => {
  expect(deviceAheadMs(null, NOW, NOW)).toBeUndefined()
  expect(deviceAheadMs('yesterday', NOW, NOW)).toBeUndefined()
  expect(deviceAheadMs(said(0), NOW, NOW + 3_600_000)).toBeUndefined()
  expect(deviceAheadMs(said(0), NOW, NOW - 3_600_000)).toBeUndefined()
})
