import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Gives back what a start has left: a process that then has little to do would keep those tens of megabytes for good,
 * since it is work that makes V8 collect. Stops everything else for about 50 ms.
 */
export function collectGarbage(): void {
  // Node offers it only to whoever started it with this flag, and to contexts made after it was set.
  // (The inspector's HeapProfiler.collectGarbage, asked from inside, can wait for itself for ever.)
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  collect()
}
