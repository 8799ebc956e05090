/** The report for a terminal. */
import type { Contest } from './contest.ts'
import type { Outcome } from './outcome.ts'
import { frontier, geometricMean } from './pareto.ts'
import type { RoutingContest } from './routing-contest.ts'

const COLUMNS: readonly (readonly [string, (outcome: Outcome) => string])[] = [
  ['rule', ({ policy }) => policy],
  ['kept %', ({ attainment }) => percent(attainment)],
  ['replica-h', ({ replicaHours }) => replicaHours.toFixed(1)],
  ['over-h', ({ overHours }) => overHours.toFixed(1)],
  ['under-h', ({ underHours }) => underHours.toFixed(1)],
  ['first token ms p50', ({ firstTokenMs }) => firstTokenMs.p50.toFixed(0)],
  ['p95', ({ firstTokenMs }) => firstTokenMs.p95.toFixed(0)],
  ['p99', ({ firstTokenMs }) => firstTokenMs.p99.toFixed(0)],
  ['inter-token ms p50', ({ interTokenMs }) => interTokenMs.p50.toFixed(0)],
  ['p95', ({ interTokenMs }) => interTokenMs.p95.toFixed(0)],
  ['met none', ({ metNone }) => String(metNone)],
  ['wait ms p95', ({ metNoneWaitMs }) => metNoneWaitMs.p95.toFixed(0)],
  ['changes', ({ changes }) => String(changes)],
  ['reversals', ({ reversals }) => String(reversals)],
]

/** One trace: ours, what of the others is on their frontier, and the score. */
export function contestInText({ trace, profile, outcomes, ours, score }: Contest): string {
  const others = outcomes.filter(({ family }) => family !== 'berth')
  const berth = outcomes.filter(({ family }) => family === 'berth')
  const hfDefault = others.filter(({ policy }) => policy === 'hf 1.5')
  const best = frontier(others).filter((outcome) => !hfDefault.includes(outcome))
  const rows = [ours, ...berth, ...hfDefault, ...best]
  const heading = `${trace} on ${profile} replicas: ${ours.requests} requests, ${outcomes.length + 1} runs`
  return [
    heading,
    table([COLUMNS.map(([name]) => name), ...rows.map((row) => COLUMNS.map(([, cell]) => cell(row)))]),
    `  replica-hours ÷ best rule tuned with hindsight, at equal attainment: ${ratio(score.overBest)}`,
    `  ÷ a fixed count chosen with hindsight: ${ratio(score.overStatic)}`,
    `  ÷ HF's default rule: ${ratio(score.overHfDefault)}, at ${signed(score.attainmentOverHf)} points`,
    `  ÷ the same rule with any threshold, at equal attainment: ${ratio(score.overHf)}`,
    '',
  ].join('\n')
}

export function summaryInText(contests: readonly Contest[]): string {
  const ratios = contests.flatMap(({ score }) => score.overBest ?? [])
  const header = [
    'trace',
    'kept %',
    'replica-h',
    '÷ best tuned',
    '÷ hf default',
    'it kept %',
    'points',
    '÷ hf, equal',
    'reversals',
    'kpa, fewest',
  ]
  const rows = contests.map(({ trace, ours, outcomes, score }) => {
    const kpa = outcomes.filter(({ family }) => family === 'kpa').map(({ reversals }) => reversals)
    const cost = [percent(ours.attainment), ours.replicaHours.toFixed(1), ratio(score.overBest)]
    const hfKept = percent(ours.attainment - score.attainmentOverHf / 100)
    const hf = [ratio(score.overHfDefault), hfKept, signed(score.attainmentOverHf), ratio(score.overHf)]
    return [trace, ...cost, ...hf, String(ours.reversals), String(Math.min(...kpa))]
  })
  const mean = ratios.length > 0 ? geometricMean(ratios).toFixed(3) : 'none'
  const decision = Math.max(...contests.map(({ ours }) => ours.decisionUs.p99))
  return [
    table([header, ...rows]),
    `geometric mean of ÷ best tuned: ${mean}; a decision: ${decision.toFixed(0)} µs at the 99th percentile`,
  ].join('\n')
}

/** One trace on a fixed number of replicas, by the way that each request's replica was chosen. */
export function routingInText({ trace, profile, replicas, rows }: RoutingContest): string {
  const cells = rows.map(({ name, outcome }) => [
    name,
    percent(outcome.attainment),
    outcome.firstTokenMs.mean.toFixed(0),
    outcome.firstTokenMs.p50.toFixed(0),
    outcome.firstTokenMs.p95.toFixed(0),
    outcome.firstTokenMs.p99.toFixed(0),
    outcome.interTokenMs.p95.toFixed(0),
    percent(outcome.cachedShare),
  ])
  const header = [
    'choice',
    'kept %',
    'first token ms mean',
    'p50',
    'p95',
    'p99',
    'inter-token ms p95',
    'cached %',
  ]
  const best = Math.max(...rows.flatMap(({ isOurs, outcome }) => (isOurs ? [] : outcome.attainment)))
  const ours = rows.find(({ isOurs }) => isOurs)
  const behind = ours
    ? `  ours and the best other: ${signed(100 * (ours.outcome.attainment - best))} points`
    : ''
  return [`${trace} on ${replicas} ${profile} replicas`, table([header, ...cells]), behind, ''].join('\n')
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map((row) => {
      const cells = row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      return `  ${cells.join('  ')}`.trimEnd()
    })
    .join('\n')
}

const percent = (share: number) => (100 * share).toFixed(2)
const signed = (points: number) => (points > 0 ? `+${points.toFixed(1)}` : points.toFixed(1))
const ratio = (value: number | null) => (value === null ? 'not reached' : value.toFixed(3))
