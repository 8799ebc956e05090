import { randomInt } from 'node:crypto'
import { expect, test } from 'vitest'
import { randomFrom } from '../../testing/http-cases.ts'
import { compareAnswers, compareRequests, type Tally } from '../../testing/http-differential.ts'

const CASES = 10_000
const MORE_CASES = 1_000
const FIXED_SEED = 20_261_127

const emptyTally = (): Tally => ({ cases: 0, agreed: 0, stricter: 0 })

test.for([
  ['request', compareRequests],
  ['answer', compareAnswers],
] as const)(
  'what our parser takes for a %s, llhttp reads alike, and so do we in any pieces',
  ([, compare]) => {
    const tally = emptyTally()
    expect(compare(randomFrom(FIXED_SEED), CASES, tally)).toEqual([])
    // Neither refuses everything, which would agree too.
    expect(tally.agreed).toBeGreaterThan(CASES / 5)
    expect(tally.stricter).toBeLessThan(CASES / 5)

    const seed = randomInt(2 ** 32)
    const found = compare(randomFrom(seed), MORE_CASES, emptyTally())
    expect(found, `found with seed ${seed}: npm run fuzz:gateway -- --seed ${seed}`).toEqual([])
  },
)
