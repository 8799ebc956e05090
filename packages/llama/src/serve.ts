/** Runs an engine from the first listening socket to the last answer. */
import type { EngineSettings } from './command-line.ts'
import { Engine } from './engine.ts'
import { HttpServer } from './http-server.ts'

/** How long a stopping engine finishes what runs. */
const DRAIN_LIMIT_MS = 25_000

/** Returns the process's exit code, once it was told to stop. Rejects when the engine cannot start. */
export async function serve(settings: EngineSettings): Promise<number> {
  const nativeErrors: string[] = []
  const engine = Promise.withResolvers<Engine>()
  const server = new HttpServer(engine.promise, settings.apiKeys, (cause) => {
    log(`a request failed: ${(cause as Error).message}`)
  })
  const address = await server.listen(settings.host, settings.port)
  const stopped = stopOnSignals(server)
  log(
    `listening on http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
  )

  const loadingSince = performance.now()
  try {
    engine.resolve(await Engine.open(settings, (line) => nativeErrors.push(line)))
  } catch (cause) {
    // llama.cpp's own lines arrive over the event loop; the reason is often only there.
    await new Promise((resolve) => setImmediate(resolve))
    throw new Error([(cause as Error).message, ...nativeErrors].join('; '), { cause })
  }
  const now = performance.now()
  log(
    `ready: ${settings.alias}, ${settings.slots} slots, ${settings.threads} threads; ` +
      `loaded in ${Math.round(now - loadingSince)} ms, ${Math.round(now)} ms after the start`,
  )
  return await stopped
}

function stopOnSignals(server: HttpServer): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  let isStopping = false
  const stop = (signal: NodeJS.Signals) => {
    if (isStopping) process.exit(1)
    isStopping = true
    log(`${signal}: finishing what runs`)
    const limit = setTimeout(() => {
      log(`not everything was finished in ${DRAIN_LIMIT_MS} ms`)
      process.exit(0)
    }, DRAIN_LIMIT_MS)
    void server.drain().then(() => {
      clearTimeout(limit)
      resolve(0)
      // Native threads and models need no tidying up: the process takes them along.
      process.exit(0)
    })
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  return promise
}

function log(line: string): void {
  process.stderr.write(`llama: ${line}\n`)
}
