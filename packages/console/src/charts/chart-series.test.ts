import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stacked } from './chart-series.ts'

test('each series stands on those after it', () => {
  expect(
    stacked([
      [1, 2],
      [10, null],
      [100, 300],
    ]),
  ).toEqual([
    [111, 302],
    [110, 300],
    [100, 300],
  ])
})

test('where nothing was measured there is a gap', () => {
  expect(stacked([[null], [null]])).toEqual([[null], [null]])
})

test('an earlier series is never lower than a later one, so that none hides another', () => {
  const table = fc
    .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 6 }))
    .chain(([rows, columns]) =>
      fc.array(fc.array(fc.option(fc.nat(1_000)), { minLength: columns, maxLength: columns }), {
        minLength: rows,
        maxLength: rows,
      }),
    )
  fc.assert(
    fc.property(table, (series) => {
      const sums = stacked(series)
      for (let row = 1; row < sums.length; row++) {
        for (const [at, value] of sums[row]!.entries()) {
          expect(sums[row - 1]![at] ?? 0).toBeGreaterThanOrEqual(value ?? 0)
        }
      }
    }),
  )
})
