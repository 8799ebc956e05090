import { expect, test } from 'vitest'
import { grown } from './measure-footprint.ts'

const seen = (memoryBytes: number, revision = 1, at = 0) => ({ revision, memoryBytes, at })

test('the most that was seen counts, and only clear growth is news', () => {
  expect(grown(undefined, seen(100))).toEqual(seen(100))
  expect(grown(seen(100), seen(104, 1, 9))).toEqual(seen(100))
  expect(grown(seen(100), seen(106, 1, 9))).toEqual(seen(106, 1, 9))
  expect(grown(seen(100), seen(50, 1, 9))).toEqual(seen(100))
})

test('another revision begins anew, and a runtime that cannot tell is not believed', () => {
  expect(grown(seen(100), seen(50, 2))).toEqual(seen(50, 2))
  expect(grown(seen(100), seen(0, 2))).toEqual(seen(100))
  expect(grown(undefined, seen(0))).toBeUndefined()
})
