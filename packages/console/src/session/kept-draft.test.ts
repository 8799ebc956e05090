import { expect, test } from 'vitest'
import { hasShapeOf } from './kept-draft.ts'

const FIRST = { name: '', isOpen: false, tags: [] as string[], inner: { count: '1' } }

test.for<[unknown, boolean]>([
  [{ name: 'a', isOpen: true, tags: ['x'], inner: { count: '2' } }, true],
  [{ name: 'a', isOpen: true, tags: 'x', inner: { count: '2' } }, false],
  [{ name: 'a', isOpen: true, tags: [], inner: {} }, false],
  [{ name: 'a', tags: [], inner: { count: '2' } }, false],
  [null, false],
  ['text', false],
])('%j is such a draft: %s', ([value, isOne]) => {
  expect(hasShapeOf(FIRST, value)).toBe(isOne)
})
