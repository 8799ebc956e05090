/** Asks a replica something of the gateway's own, over a connection of its own, and does not wait for long. */
import type { RoutedReplica } from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import { addressOf } from './upstream/connection.ts'
import type { Upstream } from './upstream/upstream.ts'

/** A metrics page with hundreds of series fits in a part of it. */
const ANSWER_BYTES = 2 * 1024 * 1024

export type Question = { readonly path: string; readonly body?: string }
export type Reply = { readonly status: number; readonly text: string }

/** @returns undefined for none in time, and for one that broke off. */
export function askReplica(
  upstream: Upstream,
  replica: Pick<RoutedReplica, 'host' | 'port' | 'apiKey'>,
  { path, body }: Question,
  { clock, timeoutMs }: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<Reply | undefined> {
  const method = body === undefined ? 'GET' : 'POST'
  const address = addressOf(replica)
  const head = [
    `${method} ${path} HTTP/1.1`,
    `host: ${address.name}`,
    ...(replica.apiKey === null ? [] : [`authorization: Bearer ${replica.apiKey}`]),
    ...(body === undefined
      ? []
      : ['content-type: application/json', `content-length: ${Buffer.byteLength(body)}`]),
    'connection: close',
    '\r\n',
  ].join('\r\n')
  return new Promise((resolve) => {
    const over = new AbortController()
    const chunks: Buffer[] = []
    let status = 0
    let bytes = 0
    const end = (reply: Reply | undefined) => {
      over.abort()
      resolve(reply)
    }
    const attempt = upstream.send(
      {
        to: address,
        method,
        head,
        isChunked: false,
        mayUpgrade: false,
        fresh: true,
        silenceMs: timeoutMs,
      },
      {
        informed: () => {},
        began: (answer) => {
          status = answer.status
        },
        passed: (chunk) => {
          bytes += chunk.length
          if (bytes <= ANSWER_BYTES) chunks.push(chunk)
        },
        paused: () => {},
        drained: () => {},
        ended: () => end({ status, text: Buffer.concat(chunks).toString('utf8') }),
        failed: () => end(undefined),
      },
    )
    attempt.end(body === undefined ? undefined : Buffer.from(body))
    clock.sleep(timeoutMs, over.signal).then(
      () => {
        attempt.destroy()
        end(undefined)
      },
      () => {},
    )
  })
}
