/** `berth list`: the endpoints of a namespace. */
import type { EndpointWithStatus } from '@berth/contract'
import type { Command } from 'commander'
import { withNamespace } from '../command-options.ts'
import type { Printer } from '../printer.ts'
import { openSession } from '../session.ts'
import { table } from '../table.ts'

export function addList(program: Command): void {
  withNamespace(program.command('list').alias('ls').description('list endpoints'))
    .option('--search <text>', 'part of the name')
    .action(async (flags: { readonly search?: string }, command: Command) => {
      const session = await openSession(command)
      const namespace = await session.namespace()
      const query = flags.search === undefined ? {} : { search: flags.search }
      const list = await session.client.listEndpoints({ params: { namespace }, query })
      if (list.items.length === 0) {
        session.printer.note(`No endpoints in ${namespace}. Try \`berth deploy berth/guide\`.`)
      }
      session.printer.result(list, () => endpointTable(list.items, session.printer))
    })
}

function endpointTable(endpoints: readonly EndpointWithStatus[], printer: Printer): string {
  if (endpoints.length === 0) return ''
  return table(
    ['NAME', 'STATE', 'REPLICAS', 'MODEL', 'INSTANCE', 'URL'],
    endpoints.map(({ name, status, model, compute }) => [
      name,
      printer.state(status.state),
      `${status.readyReplica}/${status.targetReplica}`,
      model.repository,
      `${compute.instanceType}/${compute.instanceSize}`,
      status.url ?? '-',
    ]),
  )
}
