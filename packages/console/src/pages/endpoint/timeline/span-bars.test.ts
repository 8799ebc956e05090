import type { ReplicaLife } from '@berth/contract'
import { expect, test } from 'vitest'
import { barsOf, ticksOf } from './span-bars.ts'

const START = Date.parse('2026-08-15T12:00:00Z')
const STOP = START + 100_000
const at = (ms: number) => new Date(START + ms).toISOString()
const life = (spans: ReplicaLife['spans']): ReplicaLife => ({ id: 'r', revision: 1, spans, gone: null })

test('a life within the time is as wide as it was long', () => {
  const bars = barsOf(
    life([
      { phase: 'starting', start: at(10_000), stop: at(20_000) },
      { phase: 'ready', start: at(20_000), stop: null },
    ]),
    START,
    STOP,
  )
  expect(bars.map(({ phase, left, width }) => [phase, left, width])).toEqual([
    ['starting', 10, 10],
    ['ready', 20, 80],
  ])
})

test('what was before or after the time is cut off, and what lies outside is not there', () => {
  const bars = barsOf(
    life([
      { phase: 'starting', start: at(-90_000), stop: at(-50_000) },
      { phase: 'ready', start: at(-50_000), stop: at(50_000) },
    ]),
    START,
    STOP,
  )
  expect(bars).toHaveLength(1)
  expect(bars[0]).toMatchObject({ left: 0, width: 50 })
})

test('a moment is still wide enough to point at', () => {
  const [bar] = barsOf(life([{ phase: 'starting', start: at(99_999), stop: at(100_000) }]), START, STOP)
  expect(bar!.width).toBeGreaterThan(0)
  expect(bar!.left + bar!.width).toBeLessThanOrEqual(100)
})

test.for([60_000, 3_600_000, 86_400_000, 30 * 86_400_000])(
  '%d ms are divided at a few round moments',
  (length) => {
    const ticks = ticksOf(START, START + length)
    expect(ticks.length).toBeGreaterThanOrEqual(1)
    expect(ticks.length).toBeLessThanOrEqual(12)
    for (const tick of ticks) expect(tick % 60_000).toBe(0)
  },
)
