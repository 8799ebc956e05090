import fc from 'fast-check'
import { expect, test } from 'vitest'
import { specChanges } from './spec-changes.ts'

test('names each field that differs, with what it was and what it is', () => {
  const before = { compute: { scaling: { min: 0, max: 1 } }, tags: ['a'], type: 'private' }
  const after = { compute: { scaling: { min: 0, max: 2 } }, tags: ['a', 'b'], type: 'private', route: null }
  expect(specChanges(before, after)).toEqual([
    { path: 'compute.scaling.max', from: 1, to: 2 },
    { path: 'tags', from: ['a'], to: ['a', 'b'] },
    { path: 'route', from: null, to: null },
  ])
})

test('an object that becomes something else changes as a whole', () => {
  expect(specChanges({ image: { echo: {} } }, { image: null })).toEqual([
    { path: 'image', from: { echo: {} }, to: null },
  ])
})

test('there and back are the same fields turned round, and nothing differs from itself', () => {
  const sorted = (changes: ReturnType<typeof specChanges>) => changes.map(({ path }) => path).toSorted()
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.dictionary(fc.string(), fc.jsonValue()),
      (a, b) => {
        expect(specChanges(a, structuredClone(a))).toEqual([])
        expect(sorted(specChanges(a, b))).toEqual(sorted(specChanges(b, a)))
      },
    ),
  )
})
