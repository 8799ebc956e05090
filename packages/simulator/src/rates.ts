/**
 * Requests from a table of how many came: `t_s,rate_rps,mean_cv`, the seconds since the start, the requests a second
 * from then on, and how many times their mean the gaps between them vary.
 *
 * Such tables are of whole services, days long. What is played is their last day, as if one endpoint had of it what
 * comes to two requests a second. How long requests are is not in them: prompts and answers are those of the made-up
 * loads.
 */
import { Random } from './random.ts'
import { sizesOfChat } from './synthetic.ts'
import type { Row } from './trace.ts'

const DAY_MS = 86_400_000
const MEAN_PER_MS = 2 / 1_000
/** A table may hold 0 where nobody came, and hundreds where a client sent one batch. */
const VARIATION = { least: 0.1, most: 4 }
const SEED = 11

type Stretch = { readonly lengthMs: number; readonly rate: number; readonly variation: number }

export const isRates = (text: string) => text.startsWith('t_s,rate_rps,mean_cv')

/** @throws when a line is not three numbers, or there are fewer than two. */
export function requestsOfRates(text: string, path: string): Row[] {
  const stretches = lastDayOf(text, path)
  const lengthMs = stretches.reduce((sum, stretch) => sum + stretch.lengthMs, 0)
  const requests = stretches.reduce((sum, { rate, lengthMs }) => sum + rate * lengthMs, 0)
  const random = new Random(SEED)
  const rows: Row[] = []
  let beganAt = 0
  // Counted in requests: a faster flow passes the same gap sooner, also one that began in the stretch before.
  let gap = 0
  for (const { rate, variation, lengthMs: stretchMs } of stretches) {
    const perMs = (rate * MEAN_PER_MS * lengthMs) / requests
    let passed = gap
    for (; passed < perMs * stretchMs; passed += random.unevenGap(variation)) {
      rows.push({ at: beganAt + passed / perMs, ...sizesOfChat(random) })
    }
    gap = passed - perMs * stretchMs
    beganAt += stretchMs
  }
  return rows
}

function lastDayOf(text: string, path: string): Stretch[] {
  const rows = text
    .trim()
    .split('\n')
    .slice(1)
    .map((line, i) => {
      const [seconds, rate, variation] = line.split(',').map(Number)
      if (!(seconds! >= 0 && rate! >= 0 && variation! >= 0)) {
        throw new Error(`${path}, line ${i + 2}: not three numbers.`)
      }
      const bounded = Math.min(Math.max(variation!, VARIATION.least), VARIATION.most)
      return { atMs: 1_000 * seconds!, rate: rate!, variation: bounded }
    })
  const last = rows.at(-1)
  const lastMs = (last?.atMs ?? 0) - (rows.at(-2)?.atMs ?? Number.NaN)
  if (!last || !(lastMs > 0)) throw new Error(`${path} has fewer than two lines of rates.`)
  const endMs = last.atMs + lastMs
  return rows.flatMap(({ atMs, rate, variation }, i) => {
    const lengthMs = (rows[i + 1]?.atMs ?? endMs) - atMs
    return atMs >= endMs - DAY_MS ? [{ lengthMs, rate, variation }] : []
  })
}
