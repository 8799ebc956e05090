/**
 * `berth what-if`: what the traffic of the last days would have cost, and how long it would have waited, under another
 * way of scaling.
 *
 * It is played here, in the command's own process: the server only tells what it remembers, and serves on undisturbed.
 */
import type { LatencyObjective, WhatIfFacts } from '@berth/contract'
import type { WhatIfAnswer, WhatIfRow } from '@berth/simulator/what-if'
import type { Command } from 'commander'
import { NAME, wholeNumber, withNamespace } from '../command-options.ts'
import { CommandError, EXIT } from '../exit.ts'
import { openSession } from '../session.ts'
import { facts, table } from '../table.ts'
import { askedScaling, lastMs, measureInWords, objectiveOf, type WhatIfFlags } from '../what-if-flags.ts'

export function addWhatIf(program: Command): void {
  withNamespace(program.command('what-if'))
    .description('replay the endpoint’s own traffic under another way of scaling; changes nothing')
    .argument(`<${NAME}>`)
    .option('--last <time>', 'how much of it: 90m, 24h, 7d', '7d')
    .option('--policy <policy>', 'pending=5, cpu=80, or slo (with --slo)')
    .option('--slo <latency>', 'ttft:2s,itl:100ms, and per-token:1ms, of:95%; also what is judged by')
    .option('--min <replicas>', 'fewest replicas', wholeNumber('--min'))
    .option('--max <replicas>', 'most replicas', wholeNumber('--max'))
    .action(async (name: string, flags: WhatIfFlags, command: Command) => {
      const span = lastMs(flags.last)
      const session = await openSession(command)
      const from = new Date(Date.now() - span).toISOString()
      const told = await session.client.readWhatIf({ params: await session.endpoint(name), query: { from } })
      const objective = objectiveOf(flags, told.scaling)
      const asked = askedScaling(flags, told.scaling, objective)
      const { whatIf, LEAST_REQUESTS } = await import('@berth/simulator/what-if')
      const requests = requestsOf(told.requests)
      if (requests.length < LEAST_REQUESTS) {
        throw new CommandError(
          EXIT.failed,
          `Only ${requests.length} requests are remembered since ${told.start}: ${LEAST_REQUESTS} at least say something. ` +
            'Ask for a longer time with --last, or send it some traffic.',
        )
      }
      const answer = whatIf({
        requests,
        beganAt: Date.parse(told.start),
        startTimesMs: told.startMs,
        pricePerHour: told.pricePerHour,
        present: told.scaling,
        asked,
        objective,
      })
      session.printer.result(plain(answer, told), () => answerText(answer, told, objective))
    })
}

function requestsOf(columns: WhatIfFacts['requests']) {
  const number = (values: readonly (number | null)[], i: number) => values[i] ?? 0
  return columns.atMs.map((_, i) => ({
    atMs: number(columns.atMs, i),
    inputTokens: number(columns.inputTokens, i),
    cachedTokens: number(columns.cachedTokens, i),
    outputTokens: number(columns.outputTokens, i),
    heldMs: number(columns.heldMs, i),
    durationMs: number(columns.durationMs, i),
    firstTokenMs: columns.firstTokenMs[i] ?? null,
    interTokenMs: columns.interTokenMs[i] ?? null,
    replica: number(columns.replica, i),
  }))
}

/** For programs: everything but the requests themselves. */
function plain({ profile, rows }: WhatIfAnswer, { start, stop, complete }: WhatIfFacts) {
  return {
    start,
    stop,
    complete,
    profile,
    rows: rows.map(({ outcome: { timeline: _, ...outcome }, ...row }) => ({ ...row, outcome })),
  }
}

export function answerText(
  { profile, rows }: WhatIfAnswer,
  { start, stop, complete, startMs }: WhatIfFacts,
  objective: LatencyObjective,
): string {
  const { firstTokenMs, firstTokenMsPerInputToken: perToken, interTokenMs, attainment } = objective
  const times = `first token in ${firstTokenMs} ms${perToken > 0 ? ` and ${perToken} ms per prompt token` : ''}`
  const starts = startMs.length > 0 ? `of ${startMs.length} starts` : 'assumed: no start was seen'
  return [
    facts([
      [
        'requests',
        `${rows[0]?.outcome.requests ?? 0} from ${start} to ${stop}${complete ? '' : ' (only the latest are told)'}`,
      ],
      ['kept means', `${times}, the others every ${interTokenMs} ms; promised for ${100 * attainment} %`],
      [
        'a replica',
        `${profile.stepMs.toFixed(1)} ms a step, ${profile.prefillMsPerToken.toFixed(2)} ms a prompt token, ready after ${(profile.startMs / 1_000).toFixed(1)} s (${starts})`,
      ],
    ]),
    table(
      [
        '',
        'POLICY',
        'REPLICAS',
        'KEPT',
        'TTFT P50',
        'P95',
        'P99',
        'INTER-TOKEN P95',
        'COLD',
        'REPLICA-HOURS',
        'COST',
        'CHANGES',
      ],
      rows.map(rowCells),
    ),
    verdict(rows, attainment),
  ].join('\n\n')
}

function rowCells({ role, scaling, outcome, cost }: WhatIfRow): string[] {
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(2)} s`
  return [
    role,
    measureInWords(scaling),
    `${scaling.minReplica}–${scaling.maxReplica}`,
    `${(100 * outcome.attainment).toFixed(1)} %`,
    ...[outcome.firstTokenMs.p50, outcome.firstTokenMs.p95, outcome.firstTokenMs.p99].map(seconds),
    `${outcome.interTokenMs.p95.toFixed(0)} ms`,
    String(outcome.metNone),
    outcome.replicaHours.toFixed(3),
    cost.toFixed(2),
    String(outcome.changes),
  ]
}

function verdict(rows: readonly WhatIfRow[], attainment: number): string {
  const present = rows[0]!
  const suggested = rows.at(-1)!
  const hours = `${suggested.outcome.replicaHours.toFixed(3)} replica-hours instead of ${present.outcome.replicaHours.toFixed(3)}`
  if (suggested.outcome.attainment < attainment) {
    return `None of the policies tried keeps ${100 * attainment} %; the suggested one comes closest, with ${hours}.`
  }
  return `The suggested policy is the cheapest of those tried that keep ${100 * attainment} %: ${hours}.`
}
