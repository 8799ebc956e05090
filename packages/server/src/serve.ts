/** `berth serve`: runs everything in the foreground, says what to try, and stops all of it on Ctrl-C. */
import path from 'node:path'
import { consoleFiles } from '@berth/console'
import { messageOf } from './domain/errors.ts'
import { FIRST_USER, SAMPLE_ENDPOINT } from './first-run.ts'
import { homeAt } from './platform/home.ts'
import { createLog, type Log } from './platform/log.ts'
import { type ServeSettings, settingsFrom } from './settings.ts'
import { type RunningControl, startControl } from './start-control.ts'
import { version } from './version.ts'

export type { ServeSettings } from './settings.ts'

/**
 * Runs until SIGINT or SIGTERM has stopped everything. A second signal ends at once and leaves the rest to `berth down`.
 *
 * @throws PlatformError with the reason why it cannot start.
 */
export async function serve(serveSettings: ServeSettings): Promise<void> {
  const settings = settingsFrom(serveSettings, process.env)
  const home = homeAt(settings.home)
  // A person at a terminal reads the words below; the log is for those who look for something.
  const onTerminal = process.stderr.isTTY === true
  const logFile = path.join(home.logs, 'control.log')
  const log = createLog({
    name: 'control',
    level: settings.logLevel,
    ...(onTerminal ? { file: logFile } : {}),
  })

  const stopAsked = new AbortController()
  const signalled = untilSignalled().then(() => stopAsked.abort())
  const { signal } = stopAsked
  const control = await startControl(settings, { log, consoleDirectory: builtConsole(log), signal }).catch(
    (error): never => {
      if (!signal.aborted) throw error
      process.stdout.write('\nStopped before it was ready.\n')
      // A console that is half built is not waited for.
      process.exit(0)
    },
  )
  process.on('SIGUSR2', () => void control.replaceGateways())
  process.stdout.write(banner(control, home.tokenFile, onTerminal ? logFile : undefined))
  await signalled
  process.stdout.write('\nStopping: replicas finish what they have. Press Ctrl-C again to leave at once.\n')
  await control.stop()
}

/** Beside the rest of the start. Without a console Berth still serves. */
async function builtConsole(log: Log): Promise<string | undefined> {
  try {
    return await consoleFiles(() => {
      process.stdout.write('Building the console: once, and again only when its sources change.\n')
    })
  } catch (error) {
    log.warn('no console is served: it could not be built', { error: messageOf(error) })
    return undefined
  }
}

function untilSignalled(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(130)
        asked = true
        resolve()
      })
    }
  })
}

/** What a person has to know who wonders at the address. */
function whereElse(url: string, listensOn: string): string[] {
  if (url !== listensOn) return [`It listens on ${listensOn}.`]
  const isEveryAddress = ['0.0.0.0', '[::]'].includes(new URL(url).hostname)
  return isEveryAddress
    ? ['That is every address of this machine: tell the one that clients type with --public-url.']
    : []
}

function banner(
  { url, listensOn, newToken, uncertified, signInUrl }: RunningControl,
  tokenFile: string,
  logFile: string | undefined,
): string {
  const model = `${FIRST_USER}/${SAMPLE_ENDPOINT}`
  const token = `$(cat ${tokenFile})`
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'What is an endpoint?' }] })
  const openai =
    `new (require('openai').OpenAI)().chat.completions.create({ model: '${model}', ` +
    `messages: [{ role: 'user', content: 'Who are you?' }] }).then((it) => console.log(it.choices[0].message.content))`
  return [
    `Berth ${version} is ready at ${url}`,
    ...whereElse(url, listensOn),
    '',
    ...(newToken ? ['Your token, shown this once and kept for the CLI:', `  ${newToken}`, ''] : []),
    ...(uncertified.length > 0
      ? [
          `A certificate for ${uncertified.join(', ')} is being obtained; until then nobody can connect.`,
          '`berth doctor` says how it goes.',
          '',
        ]
      : []),
    'Try next:',
    `  curl ${url}/v1/chat/completions -H "Authorization: Bearer ${token}" -H 'Content-Type: application/json' -d '${body}'`,
    `  OPENAI_BASE_URL=${url}/v1 OPENAI_API_KEY=${token} node -e "${openai}"`,
    `  ${signInUrl}   (the console; this address signs in once, and \`berth console\` prints another)`,
    '',
    `The sample endpoint ${model} sleeps; the first request wakes it. Ctrl-C stops everything.`,
    ...(logFile ? [`Log: ${logFile}`] : []),
    '',
  ].join('\n')
}
