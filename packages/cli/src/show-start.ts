/** What `deploy`, `update` and `resume` do after the server accepted: wait, tell, and say how it ended. */
import type { EndpointState, EndpointWithStatus } from '@berth/contract'
import { CommandError, EXIT, SilentExit } from './exit.ts'
import { abortOnInterrupt } from './interrupt.ts'
import type { Session } from './session.ts'
import { createStartDisplay } from './start-display.ts'
import { waitUntilSettled } from './wait-until-settled.ts'

const LOG_LINES_OF_A_FAILURE = 20

export async function showStart(
  session: Session,
  accepted: EndpointWithStatus,
  options: { readonly wait: boolean; readonly until?: ReadonlySet<EndpointState> },
): Promise<void> {
  const endpoint = options.wait ? await follow(session, accepted, options.until) : accepted
  const { state } = endpoint.status
  if (state === 'failed' || state === 'updateFailed') return await explainFailure(session, endpoint)
  session.printer.result(endpoint, () => howToCall(session, endpoint))
}

async function follow(session: Session, accepted: EndpointWithStatus, until?: ReadonlySet<EndpointState>) {
  const { printer } = session
  const name = `${accepted.namespace}/${accepted.name}`
  const display = createStartDisplay(printer.json)
  try {
    return await waitUntilSettled(session, {
      endpoint: accepted,
      signal: abortOnInterrupt(),
      onStatus: (status) => display.show(status),
      ...(until ? { until } : {}),
    })
  } catch (error) {
    if (error instanceof CommandError && error.exitCode === EXIT.interrupted) {
      throw new CommandError(EXIT.interrupted, `${name} goes on without us: see \`berth describe ${name}\`.`)
    }
    throw error
  } finally {
    display.end()
  }
}

async function explainFailure(session: Session, endpoint: EndpointWithStatus): Promise<never> {
  const { namespace, name, status } = endpoint
  if (session.printer.json) session.printer.result(endpoint, () => '')
  const pieces: string[] = []
  try {
    const params = { namespace, name }
    for await (const piece of await session.client.readLogs({
      params,
      query: { tail: LOG_LINES_OF_A_FAILURE },
    })) {
      pieces.push(piece)
    }
  } catch {
    // The logs only help to understand; the failure itself is what has to be told.
  }
  const lines = pieces.join('').trimEnd()
  session.printer.note(`${namespace}/${name} ${status.state}: ${status.errorMessage ?? status.message}`)
  if (lines) session.printer.note(`Its last log lines:\n${lines.replace(/^/gm, '  ')}`)
  session.printer.note(
    `Change it with \`berth update ${name}\` or remove it with \`berth delete ${name}\`; all logs: \`berth logs ${name}\`.`,
  )
  throw new SilentExit(EXIT.failed)
}

function howToCall(session: Session, { namespace, name, type, status }: EndpointWithStatus): string {
  if (!status.url) return `${namespace}/${name} is ${status.state}: ${status.message}`
  const body = JSON.stringify({ model: name, messages: [{ role: 'user', content: 'Hello' }] })
  const header = type === 'public' ? '' : ` -H "Authorization: Bearer ${tokenInShell(session)}"`
  return [
    status.url,
    '',
    `  curl ${status.url}/v1/chat/completions${header} \\`,
    `    -H 'Content-Type: application/json' -d '${body}'`,
  ].join('\n')
}

/** Where the reader's shell finds the token: the token itself stays off the screen. */
const tokenInShell = ({ tokenFile }: Session) => (tokenFile ? `$(cat ${tokenFile})` : '$BERTH_TOKEN')
