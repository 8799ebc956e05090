import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { drawnRows, NO_ROWS, type RowWindow, rowWindow } from './row-window.ts'

const SCREEN = { heightPx: 400, rowPx: 40, count: 5_000 }
const at = (topPx: number, before: RowWindow = NO_ROWS) => rowWindow(before, { ...SCREEN, topPx })
const keys = (drawn: RowWindow) => drawnRows(drawn).map(({ key }) => key)

test('the rows that are seen are drawn, with a few above and below, and none that is not there', () => {
  expect(at(0)).toMatchObject({ first: 0, end: 14 })
  expect(at(4_000)).toMatchObject({ first: 96, end: 114 })
  expect(at(199_600)).toMatchObject({ end: 5_000 })
  expect(rowWindow(NO_ROWS, { ...SCREEN, topPx: 0, count: 3 })).toMatchObject({ first: 0, end: 3 })
  expect(rowWindow(NO_ROWS, { ...SCREEN, topPx: 9_000, count: 0 })).toMatchObject({ first: 0, end: 0 })
})

test('nothing new is nothing to draw', () => {
  const before = at(4_000)
  expect(at(4_000, before)).toBe(before)
})

describe('keys', () => {
  const scrolls = fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 2, maxLength: 20 })

  test('a row that stays keeps its key as long as half of the rows stay', () => {
    fc.assert(
      fc.property(fc.nat(150_000), fc.integer({ min: -250, max: 250 }), (topPx, step) => {
        const before = at(Math.max(1_000, topPx))
        expect(at(Math.max(1_000, topPx) + step, before).keyOffset).toBe(before.keyOffset)
      }),
    )
  })

  test('a jump uses the elements of the rows that left', () => {
    fc.assert(
      fc.property(scrolls, (tops) => {
        let before = at(100_000)
        for (const top of tops) {
          const after = at(top, before)
          const stays = Math.min(after.end, before.end) > Math.max(after.first, before.first)
          if (!stays) expect(keys(after)[0]).toBe(keys(before)[0])
          before = after
        }
      }),
    )
  })
})
