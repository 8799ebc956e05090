/** `berth deploy`: a model becomes an endpoint. */
import { ApiError } from '@berth/contract'
import type { Command } from 'commander'
import { withEndpointFlags, withNamespace, withWait } from '../command-options.ts'
import { chooseHardware, type EndpointFlags, endpointFrom } from '../endpoint-flags.ts'
import { openSession, type Session } from '../session.ts'
import { showStart } from '../show-start.ts'
import { planQuery } from './plan.ts'

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
      const instance = flags.instance ?? (await suggestedInstance(session, model, flags))
      const body = endpointFrom({
        model,
        name: flags.name,
        flags,
        hardware: chooseHardware(vendors, instance),
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

/** The smallest hardware on which the model fits; undefined where nobody can say. */
async function suggestedInstance(session: Session, model: string, flags: Flags): Promise<string | undefined> {
  const params = { namespace: await session.namespace() }
  const query = planQuery(model, { ...flags, ...sizeAsked(flags) }, process.cwd())
  try {
    const { suggestedCompute } = await session.client.recommendConfiguration({ params, query })
    return suggestedCompute ?? undefined
  } catch (error) {
    // What is wrong with the request, its creation says better.
    if (error instanceof ApiError) return undefined
    throw error
  }
}

/** `--ctx` is over all requests together, as the engine counts. */
function sizeAsked({ ctx, parallel }: Flags): { readonly context?: number; readonly concurrency?: number } {
  const [tokens, requests] = [Number(ctx), Number(parallel)]
  return {
    ...(tokens > 0 && requests > 0 ? { context: Math.max(1, Math.floor(tokens / requests)) } : {}),
    ...(requests > 0 ? { concurrency: requests } : {}),
  }
}
