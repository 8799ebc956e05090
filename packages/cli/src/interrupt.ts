/** Ctrl-C during something long: the first stops it in order, a second one ends the process as usual. */
import { EXIT, SilentExit } from './exit.ts'

export function abortOnInterrupt(): AbortSignal {
  const controller = new AbortController()
  process.once('SIGINT', () => controller.abort(new SilentExit(EXIT.interrupted)))
  return controller.signal
}
