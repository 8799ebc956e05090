/** `berth update`: changes an endpoint; replicas are replaced without a lost request. */
import type { Command } from 'commander'
import { collect, NAME, withEndpointFlags, withNamespace, withWait } from '../command-options.ts'
import { chooseHardware, type UpdateFlags, updateFrom } from '../endpoint-flags.ts'
import { openSession } from '../session.ts'
import { showStart } from '../show-start.ts'
import { planInWords } from './rollback.ts'

type Flags = UpdateFlags & { readonly wait: boolean; readonly dryRun?: boolean }

export function addUpdate(program: Command): void {
  const command = program
    .command('update')
    .description('change an endpoint; what no flag names stays as it is')
    .argument(`<${NAME}>`)
    .option('--model <model>', 'another repository or path')
    .option('--unset-env <KEY>', 'remove an environment variable; repeatable', collect)
    .option('--dry-run', 'only say what would change and restart')
    .option('--unset-schedules', 'remove every schedule')
    .option('--unset-adapter <name>', 'remove an adapter; repeatable', collect)
    .option('--unset-secret <KEY>', 'remove a secret; repeatable', collect)
  withWait(withEndpointFlags(withNamespace(command))).action(
    async (name: string, flags: Flags, command: Command) => {
      const session = await openSession(command)
      const params = await session.endpoint(name)
      const current = await session.client.getEndpoint({ params })
      const vendors =
        flags.instance === undefined
          ? undefined
          : await session.client.listVendorsForNamespace({ params: { namespace: params.namespace } })
      const body = updateFrom({
        flags,
        current,
        hardware: vendors && chooseHardware(vendors, flags.instance),
        env: process.env,
        workingDirectory: process.cwd(),
      })
      if (flags.dryRun) {
        const plan = await session.client.planUpdate({ params, body })
        session.printer.result(plan, () => planInWords(plan))
        return
      }
      const accepted = await session.client.updateEndpoint({ params, body })
      session.printer.note(
        accepted.status.generation === current.status.generation
          ? `${params.namespace}/${params.name} is already like that.`
          : `Accepted revision ${accepted.status.generation} of ${params.namespace}/${params.name}.`,
      )
      await showStart(session, accepted, { wait: flags.wait })
    },
  )
}
