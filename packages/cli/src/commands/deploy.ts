/** `berth deploy`: a model becomes an endpoint. */
import type { Command } from 'commander'
import { withEndpointFlags, withNamespace, withWait } from '../command-options.ts'
import { chooseHardware, type EndpointFlags, endpointFrom } from '../endpoint-flags.ts'
import { openSession } from '../session.ts'
import { showStart } from '../show-start.ts'

type Flags = EndpointFlags & { readonly name?: string; readonly wait: boolean }

export function addDeploy(program: Command): void {
  const command = program
    .command('deploy')
    .description('serve a model: a repository of the Hub, berth/guide, or a path on the server’s machine')
    .argument('<model>', 'org/name, berth/guide, ./directory or ./file.gguf')
    .option('--name <name>', 'name of the endpoint (default: from the model)')
  withWait(withEndpointFlags(withNamespace(command))).action(
    async (model: string, flags: Flags, command: Command) => {
      const session = await openSession(command)
      const params = { namespace: await session.namespace() }
      const vendors = await session.client.listVendorsForNamespace({ params })
      const body = endpointFrom({
        model,
        name: flags.name,
        flags,
        hardware: chooseHardware(vendors, flags.instance),
        env: process.env,
        workingDirectory: process.cwd(),
      })
      const accepted = await session.client.createEndpoint({ params, body })
      session.printer.note(
        `Created ${accepted.namespace}/${accepted.name} from ${accepted.model.repository}.`,
      )
      await showStart(session, accepted, { wait: flags.wait })
    },
  )
}
