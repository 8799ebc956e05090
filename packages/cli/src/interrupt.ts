/** Ctrl-C during something long: the first stops it in order, a second one ends the process as usual. */
import { CommandError, EXIT } from './exit.ts'

export function abortOnInterrupt(): AbortSignal {
  const controller = new AbortController()
  process.once('SIGINT', () => controller.abort(new CommandError(EXIT.interrupted, 'Interrupted.')))
  return controller.signal
}
