/** `berth logs`: what the replicas print. */
import { type LogLevel, logLevels } from '@berth/contract'
import { type Command, Option } from 'commander'
import { NAME, wholeNumber, withNamespace } from '../command-options.ts'
import { abortOnInterrupt } from '../interrupt.ts'
import { pointInTime } from '../point-in-time.ts'
import { openSession } from '../session.ts'

type Flags = {
  readonly follow?: boolean
  readonly tail?: number
  readonly replica?: string
  readonly since?: string
  readonly until?: string
  readonly search?: string
  readonly level?: LogLevel
}

export function addLogs(program: Command): void {
  withNamespace(program.command('logs').description('print the output of an endpoint’s replicas'))
    .argument(`<${NAME}>`)
    .option('-f, --follow', 'keep printing as it comes')
    .option('--tail <lines>', 'only the newest lines', wholeNumber('--tail'))
    .option(
      '--since <time>',
      'from then on: 10m, 2h, 3d, or a time such as 2026-08-01T10:00:00Z',
      since('--since'),
    )
    .addOption(
      new Option('--until <time>', 'up to then, written the same way')
        .argParser(since('--until'))
        .conflicts('follow'),
    )
    .option('--search <text>', 'only lines with this text in them, whatever its case')
    .addOption(new Option('--level <level>', 'only lines of this severity and worse').choices(logLevels))
    .option('--replica <id>', 'only this replica')
    .action(async (name: string, flags: Flags, command: Command) => {
      const session = await openSession(command)
      const params = await session.endpoint(name)
      const { follow, ...query } = flags
      const print = (line: string) => session.printer.item({ line }, () => `${line}\n`)
      if (!follow) {
        for await (const line of linesOf(await session.client.readLogs({ params, query }))) print(line)
        return
      }
      const signal = abortOnInterrupt()
      try {
        for await (const line of await session.client.watchLogs({ params, query, signal })) print(line)
      } catch (error) {
        throw signal.aborted ? signal.reason : error
      }
    })
}

const since = (flag: string) => (text: string) => pointInTime(flag, text, Date.now())

/** Whole lines from pieces that end anywhere. */
export async function* linesOf(pieces: AsyncIterable<string>): AsyncIterable<string> {
  let rest = ''
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest) yield rest
}
