/**
 * The gateway's end of the link: keeps one request open to the hub, and comes back whenever it breaks.
 *
 * It never throws and never queues for a hub that is away; what to say again after `onConnect` is for the caller.
 */
import type { Clock } from '../platform/clock.ts'
import { http } from '../platform/node-http.ts'
import { LINK_LIMITS, type LinkLimits, LinkStream } from './link-stream.ts'
import type { DownMessage, LinkClient, LinkClientOptions, UpMessage } from './messages.ts'

const FIRST_RETRY_MS = 20
const LONGEST_RETRY_MS = 1_000

const DOWN_KINDS: ReadonlySet<string> = new Set<DownMessage['kind']>([
  'snapshot',
  'endpoint',
  'endpoint-gone',
  'grant',
  'grant-gone',
  'certificates',
  'usage-ack',
  'hand-over',
  'shutdown',
])

export function connectLink(
  options: LinkClientOptions,
  clock: Clock,
  limits: LinkLimits = LINK_LIMITS,
): LinkClient {
  const closing = new AbortController()
  let stream: LinkStream | undefined

  async function keepConnected(): Promise<void> {
    let retryMs = FIRST_RETRY_MS
    while (!closing.signal.aborted) {
      const wasConnected = await connectOnce()
      retryMs = wasConnected ? FIRST_RETRY_MS : Math.min(2 * retryMs, LONGEST_RETRY_MS)
      await clock.sleep(retryMs, closing.signal).catch(() => {})
    }
  }

  /** Resolves when the connection is over. @returns whether there was one. */
  function connectOnce(): Promise<boolean> {
    return new Promise((resolve) => {
      const answered = new AbortController()
      const request = http.request({
        ...addressOf(options.connect),
        method: 'POST',
        path: '/link',
        agent: false,
      })
      const giveUp = () => {
        answered.abort()
        request.destroy()
        resolve(false)
      }
      request.on('error', giveUp)
      request.on('close', giveUp)
      closing.signal.addEventListener('abort', giveUp, { signal: answered.signal })
      clock.sleep(limits.silenceMs, answered.signal).then(giveUp, () => {})
      request.on('response', (response) => {
        answered.abort()
        if (response.statusCode !== 200) return giveUp()
        request.off('close', giveUp)
        stream = new LinkStream({
          incoming: response,
          outgoing: request,
          clock,
          limits,
          onMessage: (message) => {
            if (DOWN_KINDS.has(message.kind)) options.onMessage(message as DownMessage)
          },
          onEnd: () => {
            stream = undefined
            options.onDisconnect()
            resolve(true)
          },
        })
        options.onConnect()
      })
      request.write(`${JSON.stringify(options.hello())}\n`)
    })
  }

  const finished = keepConnected()
  return {
    send: (message: UpMessage) => stream?.send(message),
    get connected() {
      return stream !== undefined
    },
    close: async () => {
      closing.abort()
      stream?.end('closed by this side')
      await finished
    },
  }
}

const addressOf = (connect: LinkClientOptions['connect']) =>
  'path' in connect ? { socketPath: connect.path } : connect
