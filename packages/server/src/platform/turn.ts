/**
 * Work that sockets bring, done together when all that were ready have been read.
 *
 * The kernel's code, Node's and ours do not fit into a processor's caches side by side. Whoever answers each socket
 * before the next is read pays for that with every message; reading all of them first, and then doing the same step
 * for each, took a third off a request (`bench:gateway`). Nothing waits for more to come: a turn of the event loop ends
 * when what was ready has been read.
 */
import { atOneTime } from './clock.ts'

let waiting: (() => void)[] = []

/** Runs `work` when this turn of the event loop has read its sockets, in the order of the calls. */
export function together(work: () => void): void {
  if (waiting.push(work) === 1) setImmediate(doAll)
}

function doAll(): void {
  const all = waiting
  waiting = []
  atOneTime(() => {
    for (const work of all) work()
  })
}
