/** `berth console`: an address of the console that signs in, once. */
import type { Command } from 'commander'
import { openSession } from '../session.ts'

export function addConsole(program: Command): void {
  program
    .command('console')
    .description('print an address of the console that signs you in; it works once, for half an hour')
    .action(async (_flags: unknown, command: Command) => {
      const session = await openSession(command)
      const code = await session.client.createSignInCode()
      session.printer.result(code, () => code.url)
    })
}
