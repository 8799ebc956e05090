/** `berth logs`: what the replicas print. */
import type { Command } from 'commander'
import { NAME, wholeNumber, withNamespace } from '../command-options.ts'
import { abortOnInterrupt } from '../interrupt.ts'
import { openSession } from '../session.ts'

type Flags = { readonly follow?: boolean; readonly tail?: number; readonly replica?: string }

export function addLogs(program: Command): void {
  withNamespace(program.command('logs').description('print the output of an endpoint’s replicas'))
    .argument(`<${NAME}>`)
    .option('-f, --follow', 'keep printing as it comes')
    .option('--tail <lines>', 'only the newest lines', wholeNumber('--tail'))
    .option('--replica <id>', 'only this replica')
    .action(async (name: string, flags: Flags, command: Command) => {
      const session = await openSession(command)
      const params = await session.endpoint(name)
      const query = {
        ...(flags.tail === undefined ? {} : { tail: flags.tail }),
        ...(flags.replica === undefined ? {} : { replica: flags.replica }),
      }
      const print = (line: string) => session.printer.item({ line }, () => `${line}\n`)
      if (!flags.follow) {
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
