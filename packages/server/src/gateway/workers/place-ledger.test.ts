import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keeperOf, PlaceLedger } from './place-ledger.ts'

test('what was given counts until the worker says that it has read of it', () => {
  const ledger = new PlaceLedger()
  ledger.says('b', 'limit', 1)
  ledger.give('b', 'limit', 7)
  ledger.give('b', 'limit', 8)
  expect(ledger.inside('b', 'limit')).toBe(3)
  ledger.hasRead('b', 7, ['limit'])
  ledger.says('b', 'limit', 2)
  expect(ledger.inside('b', 'limit')).toBe(3)
  ledger.hasRead('b', 8, ['another'])
  expect(ledger.inside('b', 'limit')).toBe(3)
  expect(ledger.owedBy('b')).toEqual(['limit'])
  ledger.hasRead('b', 8, ledger.owedBy('b'))
  ledger.says('b', 'limit', 0)
  expect(ledger.inside('b', 'limit')).toBe(0)
})

test('a worker that is gone has nothing inside', () => {
  const ledger = new PlaceLedger()
  ledger.says('b', 'limit', 1)
  ledger.give('b', 'limit', 1)
  ledger.forget('b')
  expect(ledger.inside('b', 'limit')).toBe(0)
})

const workers = fc.uniqueArray(fc.stringMatching(/^gw-[a-z]{4}$/), { minLength: 2, maxLength: 6 })

test('every worker finds the same keeper, and one that goes takes no other’s limits with it', () => {
  fc.assert(
    fc.property(workers, fc.string(), (all, key) => {
      const keeper = keeperOf(key, all)
      expect(keeperOf(key, all.toReversed())).toBe(keeper)
      const gone = all.find((worker) => worker !== keeper)!
      expect(
        keeperOf(
          key,
          all.filter((worker) => worker !== gone),
        ),
      ).toBe(keeper)
    }),
  )
})
