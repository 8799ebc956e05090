/**
 * One attempt to have a request answered by somebody else: sends it, streams the answer back as it comes, and
 * says how it ended. Whether to try again, and where, is for the caller.
 */
import http, { type IncomingMessage } from 'node:http'
import { messageOf } from '../domain/errors.ts'
import type { Clock } from '../platform/clock.ts'
import type { Exchange } from './exchange.ts'
import { isEventStream, toClient } from './headers.ts'
import type { GatewayLimits } from './limits.ts'

export type Relay = {
  readonly to: { readonly host: string; readonly port: number } | { readonly socketPath: string }
  readonly path: string
  /** As name, value, name, value. */
  readonly headers: readonly string[]
  /** False for a connection of its own. */
  readonly agent: http.Agent | false
  /** Added to the answer, as name, value. */
  readonly answerHeaders: readonly string[]
  /** The answer must not act as a page of this gateway's own origin. */
  readonly sandboxed: boolean
  readonly clock: Clock
  readonly limits: GatewayLimits
}

export type RelayEnd =
  | { readonly kind: 'answered' }
  | { readonly kind: 'client-left' }
  /** No connection came about: nothing was sent. */
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** The connection broke before the answer began; a reused one may just have been closed as idle. */
  | { readonly kind: 'broke'; readonly reason: string; readonly reused: boolean }
  /** The answer began and did not end. The client has been told as far as possible. */
  | { readonly kind: 'broke-off'; readonly reason: string }
  | { readonly kind: 'silent' }

const SANDBOX = ['content-security-policy', 'sandbox allow-downloads allow-forms allow-popups allow-scripts']

/** @throws TypeError if the request cannot be written as HTTP. */
export function relay(exchange: Exchange, it: Relay): Promise<RelayEnd> {
  const { body, signal } = exchange
  const upstream = http.request({
    ...it.to,
    method: exchange.request.method,
    path: it.path,
    headers: it.headers,
    setHost: false,
    agent: it.agent,
    timeout: it.limits.replicaSilenceMs,
  })
  return new Promise((resolve) => {
    const connected = new AbortController()
    let wasSilent = false
    let begun = false

    const end = (how: RelayEnd) => {
      connected.abort()
      signal.removeEventListener('abort', clientLeft)
      body.detach()
      resolve(how)
    }
    const clientLeft = () => {
      upstream.destroy()
      end({ kind: 'client-left' })
    }
    if (signal.aborted) return clientLeft()
    signal.addEventListener('abort', clientLeft)

    upstream.on('timeout', () => {
      wasSilent = true
      upstream.destroy()
    })
    upstream.on('socket', (socket) => {
      if (!socket.connecting) return connected.abort()
      socket.once('connect', () => connected.abort())
      it.clock.sleep(it.limits.connectTimeoutMs, connected.signal).then(
        () => upstream.destroy(new Error(`no connection within ${it.limits.connectTimeoutMs} ms`)),
        () => {},
      )
    })
    upstream.on('error', (error) => {
      if (begun) return
      if (wasSilent) end({ kind: 'silent' })
      else if (!connected.signal.aborted) end({ kind: 'unreachable', reason: error.message })
      else end({ kind: 'broke', reason: error.message, reused: upstream.reusedSocket })
    })
    upstream.on('response', (answer) => {
      begun = true
      body.free()
      passBack(exchange, answer, it)
        .catch((error): RelayEnd => ({ kind: 'broke-off', reason: messageOf(error) }))
        .then((how) => {
          if (how.kind !== 'answered') upstream.destroy()
          end(how)
          if (how.kind === 'answered') void exchange.closeAfterUnreadBody()
        })
    })
    body.sendTo(upstream, it.limits.replayBytes)
  })
}

async function passBack(exchange: Exchange, answer: IncomingMessage, it: Relay): Promise<RelayEnd> {
  const contentType = answer.headers['content-type']
  if (exchange.isStream && !(answer.statusCode === 200 && isEventStream(contentType))) {
    return endStreamWith(exchange, answer, it.limits.replicaErrorBytes)
  }
  if (!exchange.isStream) {
    const ours = ['x-request-id', exchange.id, ...it.answerHeaders]
    if (it.sandboxed && !isData(contentType)) ours.push(...SANDBOX)
    exchange.begin(answer.statusCode ?? 502, answer.statusMessage ?? '', toClient(answer, ours), contentType)
    // A stream's first event may be a long time coming, and its reader wants to know that it was accepted.
    if (exchange.isStream) exchange.response.flushHeaders()
  }
  return pump(exchange, answer)
}

const isData = (contentType: string | undefined) =>
  contentType !== undefined && /^(application\/json|text\/event-stream|text\/plain)\b/i.test(contentType)

/** Bytes as they come, no faster than the client takes them. */
function pump(exchange: Exchange, answer: IncomingMessage): Promise<RelayEnd> {
  const { response } = exchange
  const resume = () => void answer.resume()
  return new Promise((resolve) => {
    answer.on('data', (chunk: Buffer) => {
      if (!response.write(chunk)) answer.pause()
    })
    response.on('drain', resume)
    answer.on('end', () => {
      response.off('drain', resume)
      response.end()
      resolve({ kind: 'answered' })
    })
    answer.on('error', () => {})
    answer.on('close', () => {
      if (!answer.complete) resolve({ kind: 'broke-off', reason: 'the connection to it broke' })
    })
  })
}

/** The caller already reads events, so an answer that is no stream of events becomes one event. */
async function endStreamWith(
  exchange: Exchange,
  answer: IncomingMessage,
  limitBytes: number,
): Promise<RelayEnd> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of answer) {
      bytes += chunk.length
      if (bytes > limitBytes) break
      chunks.push(chunk)
    }
  } catch {
    return { kind: 'broke-off', reason: 'the connection to it broke' }
  }
  const text = Buffer.concat(chunks).toString('utf8')
  const ok = answer.statusCode !== undefined && answer.statusCode < 400
  exchange.endWithEvent(asEventData(text, answer.statusCode ?? 502, ok, exchange.id))
  return { kind: 'answered' }
}

function asEventData(text: string, status: number, ok: boolean, requestId: string): unknown {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    parsed = undefined
  }
  if (typeof parsed === 'object' && parsed !== null && (ok || 'error' in parsed)) return parsed
  return {
    error: `The replica answered ${status}: ${text.slice(0, 1_000)}`,
    code: 'bad_gateway',
    retryable: true,
    requestId,
  }
}
