/**
 * Looks for bytes that the gateway reads otherwise than llhttp does: `npm run fuzz:gateway -- --cases 1000000`.
 *
 * Half the cases are requests, half are answers. Prints what it found and the seed, and ends with 1 if it found anything.
 */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { randomFrom } from '../packages/server/src/testing/http-cases.ts'
import {
  compareAnswers,
  compareRequests,
  type Tally,
} from '../packages/server/src/testing/http-differential.ts'

const BATCH = 1_000
const MOST_SHOWN = 5

const { values } = parseArgs({
  options: { cases: { type: 'string', default: '20000' }, seed: { type: 'string' } },
})
const total = Number(values.cases)
const seed = values.seed === undefined ? randomInt(2 ** 32) : Number(values.seed)
if (!Number.isSafeInteger(total) || total <= 0 || !Number.isSafeInteger(seed)) {
  console.error('--cases must be a whole number above 0, and --seed a whole number.')
  process.exit(2)
}

console.log(`seed ${seed}`)
let disagreements = 0
for (const [name, compare] of [
  ['requests', compareRequests],
  ['answers', compareAnswers],
] as const) {
  const random = randomFrom(seed)
  const tally: Tally = { cases: 0, agreed: 0, stricter: 0 }
  while (tally.cases < total / 2) {
    for (const found of compare(random, Math.min(BATCH, Math.ceil(total / 2) - tally.cases), tally)) {
      if (disagreements++ < MOST_SHOWN) console.log(JSON.stringify(found, null, 2))
    }
  }
  console.log(
    `${tally.cases} cases of ${name}: ${tally.agreed} messages read alike, ${tally.stricter} refused that llhttp lets in`,
  )
}
console.log(disagreements === 0 ? 'no disagreement' : `${disagreements} disagreements`)
process.exitCode = disagreements === 0 ? 0 : 1
