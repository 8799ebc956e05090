/**
 * Finds ports on which nobody listens.
 *
 * The kernel names a free port, which is then let go for the engine to take. Until it does, the kernel may name
 * the same port again, so the ports handed out last are remembered and not handed out twice.
 */
import { createServer } from 'node:net'
import { PlatformError } from '../../domain/errors.ts'

const REMEMBERED_PORTS = 512
const ATTEMPTS = 32

export class FreePorts {
  /** Oldest first. */
  readonly #handedOut = new Set<number>()

  /** @param taken ports of replicas that may not listen yet. */
  async next(host: string, taken: ReadonlySet<number>): Promise<number> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const port = await portFromKernel(host)
      if (taken.has(port) || this.#handedOut.has(port)) continue
      this.#remember(port)
      return port
    }
    throw new PlatformError(
      'unavailable',
      `The system named no fresh free port on ${host} in ${ATTEMPTS} attempts: too many ports are in use.`,
    )
  }

  #remember(port: number): void {
    this.#handedOut.add(port)
    const [oldest] = this.#handedOut
    if (this.#handedOut.size > REMEMBERED_PORTS && oldest !== undefined) this.#handedOut.delete(oldest)
  }
}

function portFromKernel(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, host, () => {
      const address = server.address()
      const port = typeof address === 'object' && address ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}
