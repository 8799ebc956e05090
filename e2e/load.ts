/** Many requests at once, and which of them were not answered as they should have been. */

export type Load = {
  /** Ends the load, once at least `atLeast` requests were sent. @returns what went wrong, one line per request. */
  finish(atLeast: number): Promise<{ readonly sent: number; readonly failures: readonly string[] }>
  /** Resolves when so many requests were answered since the load began. */
  answered(count: number): Promise<void>
}

/** Keeps `concurrency` requests under way until told to finish. `send` resolves with what is wrong, or undefined. */
export function startLoad(concurrency: number, send: (number: number) => Promise<string | undefined>): Load {
  let sent = 0
  let done = 0
  let goal = Number.POSITIVE_INFINITY
  const failures: string[] = []
  const waiting: { readonly count: number; readonly resolve: () => void }[] = []

  async function client(): Promise<void> {
    while (sent < goal) {
      const number = ++sent
      const problem = await send(number).catch((thrown: unknown) => describe(thrown))
      done++
      if (problem !== undefined) failures.push(`#${number}: ${problem}`)
      for (const waiter of waiting) if (done >= waiter.count) waiter.resolve()
    }
  }
  const clients = Array.from({ length: concurrency }, client)

  return {
    answered: (count) => new Promise((resolve) => waiting.push({ count, resolve })),
    finish: async (atLeast) => {
      goal = Math.max(atLeast, sent)
      await Promise.all(clients)
      return { sent, failures }
    },
  }
}

function describe(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  return thrown.cause === undefined ? thrown.message : `${thrown.message}: ${describe(thrown.cause)}`
}
