/** `berth why`: why an endpoint has as many replicas as it has, now or at some time. */
import type { DecisionView, RouteOutput } from '@berth/contract'
import type { Command } from 'commander'
import { NAME, wholeNumber, withNamespace } from '../command-options.ts'
import { usageError } from '../exit.ts'
import { openSession } from '../session.ts'

type Flags = { readonly at?: string; readonly limit?: number }

const DEFAULT_LIMIT = 5

export function addWhy(program: Command): void {
  withNamespace(program.command('why').description('explain why an endpoint has as many replicas as it has'))
    .argument(`<${NAME}>`)
    .option('--at <time>', 'at that time: 2026-08-01T10:00:00Z, or 10m, 2h, 3d ago')
    .option('--limit <number>', 'at most so many decisions', wholeNumber('--limit'))
    .action(async (name: string, { at, limit = DEFAULT_LIMIT }: Flags, command: Command) => {
      const session = await openSession(command)
      const time = at === undefined ? undefined : timeFrom(at, Date.now())
      const decisions = await session.client.listDecisions({
        params: await session.endpoint(name),
        query: { limit, ...(time && { at: time }) },
      })
      session.printer.result(decisions, () => explanation(decisions, time))
    })
}

/** A time as it is, or so long ago. @throws CommandError for what is neither. */
export function timeFrom(text: string, now: number): string {
  const ago = /^(\d{1,6})(s|m|h|d)$/.exec(text)
  if (ago) {
    const unit = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[ago[2] as 's' | 'm' | 'h' | 'd']
    return new Date(now - Number(ago[1]) * unit).toISOString()
  }
  const at = Date.parse(text)
  if (Number.isNaN(at)) {
    throw usageError(`--at is "${text}": write a time such as 2026-08-01T10:00:00Z, or 10m, 2h, 3d.`)
  }
  return new Date(at).toISOString()
}

/** The answer first, then how it came to be. */
export function explanation(
  { items, present }: RouteOutput<'listDecisions'>,
  at: string | undefined,
): string {
  const answer = at === undefined ? (present ?? items[0]) : items[0]
  if (!answer) {
    return at === undefined
      ? 'Nothing has been decided yet.'
      : `Nothing is kept from before ${at}: the newest thousand decisions of an endpoint are.`
  }
  const holds = answer.holdsUntil && at === undefined && answer.holdsUntil > answer.at
  const lines = [
    answer.sentence,
    ...(holds ? [`It does not go down before ${answer.holdsUntil}.`] : []),
    ...(answer.infeasible ? ['No count up to the maximum keeps the latency promise.'] : []),
  ]
  if (items.length === 0) return lines.join('\n')
  return [...lines, '', ...items.toReversed().map(decisionLine)].join('\n')
}

function decisionLine({ at, until, kind, from, to, sentence, terms }: DecisionView): string {
  if (kind !== 'summary') return `${at}  ${from} → ${to}  ${sentence}`
  const often = Object.entries(terms ?? {})
    .toSorted(([, a], [, b]) => b - a)
    .map(([term, count]) => `${term} ${count} times`)
  return `${at}  ${to}  unchanged until ${until}: ${often.join(', ')}.`
}
