import { expect, test } from 'vitest'
import { TokenUses } from './token-uses.ts'

test('a token is told of when it is used, and once a minute however often that is', () => {
  const uses = new TokenUses()
  uses.used('a', 1_000_000)
  uses.used('a', 1_000_500)
  uses.used('b', 1_000_500)
  expect(uses.collect()).toEqual([
    { tokenId: 'a', at: 1_000_000 },
    { tokenId: 'b', at: 1_000_500 },
  ])
  uses.used('a', 1_059_999)
  expect(uses.collect()).toEqual([])
  uses.used('a', 1_060_000)
  expect(uses.collect()).toEqual([{ tokenId: 'a', at: 1_060_000 }])
})

test('a clock that is set back silences no token', () => {
  const uses = new TokenUses()
  uses.used('a', 9_000_000)
  uses.used('a', 1_000_000)
  expect(uses.collect()).toEqual([{ tokenId: 'a', at: 1_000_000 }])
})

test('any number of tokens takes bounded memory, and none of them is missed', () => {
  const uses = new TokenUses()
  for (let i = 0; i < 25_000; i++) uses.used(`t${i}`, 1_000_000)
  expect(uses.collect()).toHaveLength(25_000)
})
