/** `berth delete`: removes an endpoint, after a question where somebody can answer it. */
import { confirm } from '@clack/prompts'
import type { Command } from 'commander'
import { NAME, withNamespace } from '../command-options.ts'
import { EXIT, SilentExit, usageError } from '../exit.ts'
import { isInteractive } from '../printer.ts'
import { openSession } from '../session.ts'

export function addDelete(program: Command): void {
  withNamespace(program.command('delete').alias('rm').description('delete an endpoint and stop its replicas'))
    .argument(`<${NAME}>`)
    .option('-y, --yes', 'do not ask')
    .action(async (name: string, flags: { readonly yes?: boolean }, command: Command) => {
      const session = await openSession(command)
      const params = await session.endpoint(name)
      if (!flags.yes) await askFirst(`${params.namespace}/${params.name}`, session.printer.json)
      await session.client.deleteEndpoint({ params })
      session.printer.result({ deleted: params }, () => `Deleted ${params.namespace}/${params.name}.`)
    })
}

async function askFirst(name: string, json: boolean): Promise<void> {
  if (!isInteractive(json)) throw usageError(`Nobody can be asked whether to delete ${name}: pass --yes.`)
  const answer = await confirm({
    message: `Delete ${name} with its revisions, secrets and history?`,
    initialValue: false,
    output: process.stderr,
  })
  if (answer !== true) throw new SilentExit(answer === false ? EXIT.failed : EXIT.interrupted)
}
