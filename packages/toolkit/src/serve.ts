/** Runs a model from the first listening socket to the last answer. */
import type { Settings } from './command-line.ts'
import { HttpServer } from './http-server.ts'
import { ModelThread } from './model-thread.ts'

/** How long a stopping program finishes what runs. */
const DRAIN_LIMIT_MS = 25_000

/** Resolves when it serves. Rejects when the model cannot be opened. */
export async function serve(settings: Settings): Promise<void> {
  const server = new HttpServer(settings, (cause) => log(`a request failed: ${cause.message}`))
  const { address, port } = await server.listen()
  stopOnSignals(server)
  log(`listening on http://${address.includes(':') ? `[${address}]` : address}:${port}`)
  const since = performance.now()
  const model = await ModelThread.open(settings, (cause) => {
    log(`the model crashed: ${cause.message}`)
    process.exit(1)
  })
  server.open(model)
  log(`ready: ${settings.servedName}, ${model.says}; loaded in ${Math.round(performance.now() - since)} ms`)
}

function stopOnSignals(server: HttpServer): void {
  let isStopping = false
  const stop = (signal: NodeJS.Signals) => {
    if (isStopping) process.exit(1)
    isStopping = true
    log(`${signal}: finishing what runs`)
    setTimeout(() => {
      log(`not everything was finished in ${DRAIN_LIMIT_MS} ms`)
      process.exit(0)
    }, DRAIN_LIMIT_MS)
    // Native threads need no tidying up: the process takes them along.
    void server.drain().then(() => process.exit(0))
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

function log(line: string): void {
  process.stderr.write(`toolkit: ${line}\n`)
}
