/** The berth command: reads the command line, runs one command and ends with its exit code. */
import { Command, CommanderError } from 'commander'
import manifest from '../package.json' with { type: 'json' }
import { addCall } from './commands/call.ts'
import { addConsole } from './commands/console.ts'
import { addDelete } from './commands/delete.ts'
import { addDeploy } from './commands/deploy.ts'
import { addDescribe } from './commands/describe.ts'
import { addDoctor } from './commands/doctor.ts'
import { addDown } from './commands/down.ts'
import { addHardware } from './commands/hardware.ts'
import { addEvents, addRevisions } from './commands/history.ts'
import { addList } from './commands/list.ts'
import { addLogin, addWhoami } from './commands/login.ts'
import { addLogs } from './commands/logs.ts'
import { addPause, addResume, addScaleToZero } from './commands/pause.ts'
import { addPlan } from './commands/plan.ts'
import { addRollback } from './commands/rollback.ts'
import { addServe } from './commands/serve.ts'
import { addStatus } from './commands/status.ts'
import { addToken } from './commands/token.ts'
import { addUpdate } from './commands/update.ts'
import { addWhatIf } from './commands/what-if.ts'
import { addWhy } from './commands/why.ts'
import { EXIT, EXIT_HELP, exitCodeOf, explain, explainJson, SilentExit } from './exit.ts'

/** In the order of `berth --help`. */
const COMMANDS = {
  'This machine:': [addServe, addDown, addDoctor],
  'Endpoints:': [
    addPlan,
    addHardware,
    addDeploy,
    addList,
    addDescribe,
    addCall,
    addLogs,
    addUpdate,
    addWhatIf,
    addRollback,
    addPause,
    addResume,
    addScaleToZero,
    addDelete,
    addEvents,
    addRevisions,
    addWhy,
  ],
  'Server and access:': [addStatus, addConsole, addLogin, addWhoami, addToken],
} satisfies Record<string, readonly ((program: Command) => void)[]>

export async function main(argv: readonly string[]): Promise<void> {
  endQuietlyWhenReaderLeaves()
  const program = createProgram()
  try {
    await program.parseAsync([...argv])
  } catch (thrown) {
    process.exitCode = report(thrown, program.opts())
  }
}

export function createProgram(): Command {
  const program = new Command('berth')
    .description('Self-hosted inference endpoints: pick a model, get a URL.')
    .version(manifest.version, '-V, --version')
    .option('--url <url>', 'where Berth answers (BERTH_URL)')
    .option('--token <token>', 'access token (BERTH_TOKEN)')
    .option('--home <directory>', 'data directory (BERTH_HOME, default ~/.berth)')
    .option('--json', 'results as JSON on stdout')
    .option('--verbose', 'say more when something fails: code, request id, stack')
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText('after', EXIT_HELP)
  for (const [heading, commands] of Object.entries(COMMANDS)) {
    program.commandsGroup(heading)
    for (const add of commands) add(program)
  }
  return program
}

function report(thrown: unknown, options: { readonly json?: boolean; readonly verbose?: boolean }): number {
  // Commander has already printed its own: help and version end with 0, wrong usage with a sentence.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (!(thrown instanceof SilentExit)) {
    const text = options.json
      ? JSON.stringify(explainJson(thrown))
      : explain(thrown, options.verbose ?? false)
    process.stderr.write(`${text}\n`)
  }
  return exitCodeOf(thrown)
}

/** `berth logs | head` is no failure. */
function endQuietlyWhenReaderLeaves(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(EXIT.ok)
  })
}
