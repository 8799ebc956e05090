/** `berth rollback`: goes back to the configuration of an earlier revision. */
import type { UpdatePlan } from '@berth/contract'
import type { Command } from 'commander'
import { NAME, wholeNumber, withNamespace, withWait } from '../command-options.ts'
import { openSession } from '../session.ts'
import { showStart } from '../show-start.ts'

type Flags = { readonly wait: boolean; readonly dryRun?: boolean }

export function addRollback(program: Command): void {
  const command = program
    .command('rollback')
    .description('make the configuration of an earlier revision the newest one')
  withWait(withNamespace(command))
    .argument(`<${NAME}>`)
    .argument('<revision>', 'its number, as `berth revisions` shows it', wholeNumber('revision'))
    .option('--dry-run', 'only say what would change and restart')
    .action(async (name: string, revision: number, flags: Flags, command: Command) => {
      const session = await openSession(command)
      const params = await session.endpoint(name)
      if (flags.dryRun) {
        const plan = await session.client.planRollback({ params, body: { revision } })
        session.printer.result(plan, () => planInWords(plan))
        return
      }
      const accepted = await session.client.rollbackEndpoint({ params, body: { revision } })
      session.printer.note(
        `${params.namespace}/${params.name} is like revision ${revision}, as revision ${accepted.status.generation}.`,
      )
      await showStart(session, accepted, { wait: flags.wait })
    })
}

export function planInWords({ changes, reason }: UpdatePlan): string {
  const shown = (value: unknown) => JSON.stringify(value ?? null)
  return [...changes.map(({ path, from, to }) => `${path}: ${shown(from)} → ${shown(to)}`), reason].join('\n')
}
