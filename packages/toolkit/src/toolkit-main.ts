/**
 * The program: embeddings, reranking and pipelines in a process of their own.
 *
 * It stops on SIGTERM: nothing new is taken, what runs is finished. A second signal ends it at once.
 */
import { enableCompileCache } from 'node:module'
import { readCommandLine, USAGE } from './command-line.ts'

const MISUSE = 2
const FAILURE = 1

// Before anything else is loaded, since only later modules come from it.
enableCompileCache()
// Whoever read the log may be gone; that is no reason to stop.
process.stdout.on('error', () => undefined)
process.stderr.on('error', () => undefined)

const commandLine = readCommandLine(process.argv.slice(2), process.env)
switch (commandLine.kind) {
  case 'help':
    process.stdout.write(USAGE)
    break
  case 'mistake':
    process.stderr.write(`${commandLine.message}\n\n${USAGE}`)
    process.exitCode = MISUSE
    break
  case 'serve': {
    const { serve } = await import('./serve.ts')
    await serve(commandLine.settings).catch((cause: unknown) => {
      process.stderr.write(`toolkit: failed to start: ${(cause as Error).message}\n`)
      process.exit(FAILURE)
    })
    break
  }
  default:
    commandLine satisfies never
}
