import { expect, test } from 'vitest'
import { pointInTime } from './point-in-time.ts'

const NOW = Date.UTC(2026, 7, 1, 10)

test.for([
  ['30s', '2026-08-01T09:59:30.000Z'],
  ['10m', '2026-08-01T09:50:00.000Z'],
  ['2h', '2026-08-01T08:00:00.000Z'],
  ['3d', '2026-07-29T10:00:00.000Z'],
  ['2026-08-01T10:00:00+02:00', '2026-08-01T08:00:00.000Z'],
  ['2026-08-01', '2026-08-01T00:00:00.000Z'],
])('%s is %s', ([text, time]) => {
  expect(pointInTime('--since', text!, NOW)).toBe(time)
})

test.for(['soon', '10', '-5m', '5w', '1', '2026-99-99', ''])(
  '"%s" is no time, and the refusal says what is',
  (text) => {
    expect(() => pointInTime('--since', text, NOW)).toThrow(
      /--since is ".*": it must be how long ago, such as 10m/,
    )
  },
)
