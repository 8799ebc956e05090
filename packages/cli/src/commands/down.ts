/** `berth down`: stops everything of this data directory, also what a killed server left behind. */
import type { Command } from 'commander'
import { Printer } from '../printer.ts'
import { homeDirectory } from '../serve-settings.ts'
import type { GlobalFlags } from '../session.ts'

export function addDown(program: Command): void {
  program
    .command('down')
    .description('stop the server, its gateway and every replica of this data directory')
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<GlobalFlags>()
      const home = homeDirectory(flags.home, process.env)
      const { down } = await import('@berth/server/down')
      const report = await down(home)
      new Printer(flags.json ?? false).result({ home, ...report }, () => {
        const stopped = [
          ...(report.control ? ['the server'] : []),
          ...(report.gateway ? ['the gateway'] : []),
          ...(report.replicas > 0 ? [`${report.replicas} replicas`] : []),
        ]
        return stopped.length === 0 ? `Nothing of ${home} runs.` : `Stopped ${stopped.join(', ')}.`
      })
    })
}
