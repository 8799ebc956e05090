/**
 * Where the other workers reach this one with a client's request that only this one can answer: the same front, on a
 * socket in their common directory. Who is asked so answers by itself, so no request goes in a circle.
 */
import { rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import path from 'node:path'

export const doorOf = (directory: string, gatewayId: string) => path.join(directory, `${gatewayId}.http`)

export class WorkerDoor {
  readonly #file: string
  readonly #server: Server

  constructor(directory: string, gatewayId: string, take: (socket: Socket) => void) {
    this.#file = doorOf(directory, gatewayId)
    this.#server = createServer({ allowHalfOpen: true }, take)
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#file, resolve)
    })
    this.#server.on('error', () => {})
  }

  /** Takes no more, and resolves when the last connection has ended. */
  async close(): Promise<void> {
    const emptied = new Promise((resolve) => this.#server.close(resolve))
    await rm(this.#file, { force: true })
    await emptied
  }
}
