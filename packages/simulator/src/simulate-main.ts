/**
 * `npm run simulate`: plays loads against the autoscaler and against others' rules, and reports.
 *
 *     simulate -- [--all DIRECTORY] [--trace FILE]… [--synthetic] [--hours N] [--profile small|large]
 *                 [--attainment 0.95] [--max 60] [--seed 1] [--json FILE] [--html FILE]
 *     simulate -- --routing [--replicas N] …
 */
import { closeSync, openSync, readdirSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Contest, contest, type Match } from './contest.ts'
import { EVERYDAY } from './fleet.ts'
import type { Outcome } from './outcome.ts'
import { PROFILES, type ReplicaProfile } from './profiles.ts'
import { contestsInHtml } from './report-html.ts'
import { contestInText, routingInText, summaryInText } from './report-text.ts'
import { type RoutingContest, routingContest } from './routing-contest.ts'
import { scenarios } from './synthetic.ts'
import { beginningOf, isTrace, readTrace, type Trace } from './trace.ts'

const USAGE = `simulate [--all DIRECTORY] [--trace FILE]… [--synthetic] [--hours N] [--profile small|large]
         [--attainment 0.95] [--max 60] [--seed 1] [--json FILE] [--html FILE]
simulate --routing [--replicas N] …

Without --all and --trace it plays the made-up loads. With --routing it compares the ways of choosing a replica, on
a fixed number of them.`

/** Prompts or answers so long on average are served by the larger replicas. */
const LARGE_TOKENS = 3_000

const options = {
  all: { type: 'string' },
  trace: { type: 'string', multiple: true },
  synthetic: { type: 'boolean' },
  hours: { type: 'string' },
  profile: { type: 'string' },
  attainment: { type: 'string', default: '0.95' },
  max: { type: 'string', default: '60' },
  seed: { type: 'string', default: '1' },
  routing: { type: 'boolean' },
  replicas: { type: 'string' },
  json: { type: 'string' },
  html: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

function main(): void {
  const { values } = parseArgs({ options })
  if (values.help) {
    process.stdout.write(`${USAGE}\n`)
    return
  }
  const attainment = numberIn('attainment', values.attainment, 0.5, 0.9999)
  const slo = { firstTokenMs: 2_000, firstTokenMsPerPromptToken: 1, interTokenMs: 100, attainment }
  const max = numberIn('max', values.max, 1, 10_000)
  const seed = numberIn('seed', values.seed, 0, 2 ** 32 - 1)
  const hours =
    values.hours === undefined ? Number.POSITIVE_INFINITY : numberIn('hours', values.hours, 0, 10_000)
  const asked = profileNamed(values.profile)
  const paths = [...(values.trace ?? []), ...(values.all === undefined ? [] : tracesIn(values.all))]
  const matches: (() => Match)[] = paths.map((path) => () => {
    const trace = beginningOf(readTrace(path), hours)
    return { trace, profile: asked ?? profileFor(trace), slo, hardship: EVERYDAY, max, seed }
  })
  if (values.synthetic || paths.length === 0) {
    const profile = asked ?? PROFILES.small
    for (const { trace, hardship } of scenarios(profile.startMs)) {
      matches.push(() => ({ trace: beginningOf(trace, hours), profile, slo, hardship, max, seed }))
    }
  }
  if (values.routing) {
    const replicas =
      values.replicas === undefined ? undefined : numberIn('replicas', values.replicas, 1, 10_000)
    compareRouting(matches, replicas, values.json)
    return
  }
  const contests: Contest[] = []
  for (const match of matches) {
    contests.push(contest(match()))
    process.stdout.write(`${contestInText(contests.at(-1)!)}\n`)
  }
  process.stdout.write(`${summaryInText(contests)}\n`)
  if (values.json) writeFileSync(values.json, `${JSON.stringify(contests.map(withoutTimelines), null, 2)}\n`)
  if (values.html) writeFileSync(values.html, contestsInHtml(contests))
}

function compareRouting(
  matches: readonly (() => Match)[],
  replicas: number | undefined,
  json: string | undefined,
) {
  const contests: RoutingContest[] = []
  for (const match of matches) {
    contests.push(routingContest(match(), replicas))
    process.stdout.write(`${routingInText(contests.at(-1)!)}\n`)
  }
  if (json === undefined) return
  const plain = contests.map(({ rows, ...rest }) => {
    return {
      ...rest,
      rows: rows.map(({ outcome, ...row }) => ({ ...row, outcome: withoutTimeline(outcome) })),
    }
  })
  writeFileSync(json, `${JSON.stringify(plain, null, 2)}\n`)
}

/** The traces of a folder, by their first lines: other tables may lie beside them. */
function tracesIn(directory: string): string[] {
  const paths = readdirSync(directory)
    .toSorted()
    .map((name) => join(directory, name))
    .filter((path) => /\.(csv|jsonl)$/.test(path) && isTrace(path, beginningOfFile(path)))
  if (paths.length === 0) {
    throw new Error(`--all ${directory}: no trace lies in it. Name a folder with .csv or .jsonl ones.`)
  }
  return paths
}

function beginningOfFile(path: string): string {
  const file = openSync(path, 'r')
  try {
    const buffer = Buffer.alloc(256)
    return buffer.toString('utf8', 0, readSync(file, buffer))
  } finally {
    closeSync(file)
  }
}

function profileFor({ input, output }: Trace): ReplicaProfile {
  const mean = (values: Float64Array) =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
  return mean(input) + mean(output) > LARGE_TOKENS ? PROFILES.large : PROFILES.small
}

function profileNamed(name: string | undefined): ReplicaProfile | undefined {
  if (name === undefined) return undefined
  const profile = Object.values(PROFILES).find((known) => known.name === name)
  if (!profile) throw new Error(`--profile ${name}: choose small or large.`)
  return profile
}

function numberIn(name: string, text: string, low: number, high: number): number {
  const value = Number(text)
  if (!(value >= low && value <= high)) throw new Error(`--${name} ${text}: choose from ${low} to ${high}.`)
  return value
}

const withoutTimelines = ({ ours, outcomes, ...rest }: Contest) => {
  return { ...rest, ours: withoutTimeline(ours), outcomes: outcomes.map(withoutTimeline) }
}

const withoutTimeline = ({ timeline: _, ...outcome }: Outcome) => outcome

try {
  main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}\n`)
  process.exitCode = 2
}
