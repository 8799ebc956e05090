/** Breaks off work that has gone quiet: the one timeout of every network call in this room. */
import type { Clock } from '../platform/clock.ts'

/** Why the work's signal was aborted. */
export class Silence extends Error {
  constructor(silenceMs: number) {
    super(`nothing came for ${silenceMs / 1000} s`)
    this.name = 'Silence'
  }
}

/**
 * Runs `work` with a signal that aborts with the caller's `signal`, or when `heard` was not called for `silenceMs`.
 * However long the whole takes is fine as long as something comes.
 */
export async function withSilenceLimit<Result>(
  options: { readonly clock: Clock; readonly silenceMs: number; readonly signal?: AbortSignal | undefined },
  work: (signal: AbortSignal, heard: () => void) => Promise<Result>,
): Promise<Result> {
  const { clock, silenceMs, signal } = options
  const quiet = new AbortController()
  const finished = new AbortController()
  let heardAt = clock.now()

  const watch = async () => {
    for (;;) {
      const left = heardAt + silenceMs - clock.now()
      if (left <= 0) return quiet.abort(new Silence(silenceMs))
      await clock.sleep(left, finished.signal)
    }
  }
  // Its only way to fail is that the work finished first.
  watch().catch(() => {})

  try {
    return await work(signal ? AbortSignal.any([signal, quiet.signal]) : quiet.signal, () => {
      heardAt = clock.now()
    })
  } finally {
    finished.abort()
  }
}
