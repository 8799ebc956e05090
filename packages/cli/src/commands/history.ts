/** `berth events` and `berth revisions`: what happened to an endpoint, and what was asked of it. The newest last. */
import type { RouteOutput } from '@berth/contract'
import type { Command } from 'commander'
import { NAME, wholeNumber, withNamespace } from '../command-options.ts'
import { openSession } from '../session.ts'
import { table } from '../table.ts'

type Flags = { readonly limit?: number }
type Revision = RouteOutput<'listRevisions'>['items'][number]

export function addEvents(program: Command): void {
  withHistoryFlags(
    program.command('events').description('show what happened to an endpoint, the newest last'),
  ).action(async (name: string, flags: Flags, command: Command) => {
    const session = await openSession(command)
    const events = await session.client.listEvents({
      params: await session.endpoint(name),
      query: flags,
    })
    if (events.items.length === 0) session.printer.note('Nothing has happened yet.')
    session.printer.result(events, () =>
      events.items
        .toReversed()
        .map(({ at, kind, actor, message }) => `${at}  ${kind}  ${message} (${actor})`)
        .join('\n'),
    )
  })
}

export function addRevisions(program: Command): void {
  withHistoryFlags(
    program.command('revisions').description('show every accepted change, the newest last'),
  ).action(async (name: string, flags: Flags, command: Command) => {
    const session = await openSession(command)
    const revisions = await session.client.listRevisions({
      params: await session.endpoint(name),
      query: flags,
    })
    session.printer.result(revisions, () => revisionTable(revisions.items.toReversed()))
  })
}

function withHistoryFlags(command: Command): Command {
  return withNamespace(command)
    .argument(`<${NAME}>`)
    .option('--limit <number>', 'at most so many', wholeNumber('--limit'))
}

function revisionTable(revisions: readonly Revision[]): string {
  return table(
    ['REVISION', 'RUNS', 'CREATED', 'BY', 'CHANGES'],
    revisions.map((revision) => [
      String(revision.number),
      String(revision.runs),
      revision.createdAt,
      revision.createdBy.name,
      revision.changes?.map(({ path }) => path).join(', ') ?? 'created',
    ]),
  )
}
