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

/** Looks on while an answer passes, and may keep a part of it back. */
export interface Onlooker {
  began(answer: IncomingMessage): void
  /** What passes is as long as the answer said. */
  readonly keepsLength: boolean
  /** @returns what the client gets of it. */
  passed(chunk: Buffer): Buffer
  /** What was held until the end. */
  rest(): Buffer | undefined
}

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
  /** Makes what is sent instead of what the client wrote. */
  readonly body?: (() => Buffer) | undefined
  readonly onlooker?: Onlooker
  /** Told when the answer begins. */
  readonly onBegin?: (status: number) => void
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
  /** It was refused as a bad request, with a body that the client did not write. */
  | { readonly kind: 'not-understood' }
  /** The request's body is larger than it may be. */
  | { readonly kind: 'too-large' }

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
      resolve(body.isTooLarge && how.kind !== 'answered' ? { kind: 'too-large' } : how)
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
      if (it.body && isBadRequest(answer)) {
        answer.on('error', () => {})
        upstream.destroy()
        end({ kind: 'not-understood' })
        return
      }
      it.onBegin?.(answer.statusCode ?? 502)
      it.onlooker?.began(answer)
      body.free()
      passBack(exchange, answer, it)
        .catch((error): RelayEnd => ({ kind: 'broke-off', reason: messageOf(error) }))
        .then((how) => {
          if (how.kind !== 'answered') upstream.destroy()
          end(how)
          if (how.kind === 'answered') void exchange.closeAfterUnreadBody()
        })
    })
    if (it.body) upstream.end(it.body())
    else body.sendTo(upstream, it.limits.replayBytes)
  })
}

async function passBack(exchange: Exchange, answer: IncomingMessage, it: Relay): Promise<RelayEnd> {
  const contentType = answer.headers['content-type']
  if (exchange.isStream && !(answer.statusCode === 200 && isEventStream(contentType))) {
    return endStreamWith(exchange, answer, it)
  }
  if (!exchange.isStream) {
    const ours = ['x-request-id', exchange.id, ...it.answerHeaders]
    if (it.sandboxed && !isData(contentType)) ours.push(...SANDBOX)
    ours.push(...Object.entries(exchange.also).flat())
    const without = Object.keys(exchange.also)
    if (it.onlooker?.keepsLength === false) without.push('content-length')
    const headers = toClient(answer, ours, without)
    exchange.begin(answer.statusCode ?? 502, answer.statusMessage ?? '', headers, contentType)
    // A stream's first event may be a long time coming, and its reader wants to know that it was accepted.
    if (exchange.isStream) exchange.response.flushHeaders()
  }
  return pump(exchange, answer, it.onlooker)
}

/** 422 is how many Python servers say it. */
const isBadRequest = ({ statusCode }: IncomingMessage) => statusCode === 400 || statusCode === 422

const isData = (contentType: string | undefined) =>
  contentType !== undefined && /^(application\/json|text\/event-stream|text\/plain)\b/i.test(contentType)

/** Bytes as they come, no faster than the client takes them. */
function pump(
  exchange: Exchange,
  answer: IncomingMessage,
  onlooker: Onlooker | undefined,
): Promise<RelayEnd> {
  const { response } = exchange
  const resume = () => void answer.resume()
  return new Promise((resolve) => {
    answer.on('data', (chunk: Buffer) => {
      const passing = onlooker ? onlooker.passed(chunk) : chunk
      if (passing.length > 0 && !response.write(passing)) answer.pause()
    })
    response.on('drain', resume)
    answer.on('end', () => {
      response.off('drain', resume)
      response.end(onlooker?.rest())
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
  { onlooker, limits }: Pick<Relay, 'onlooker' | 'limits'>,
): Promise<RelayEnd> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of answer) {
      bytes += chunk.length
      if (bytes > limits.replicaErrorBytes) break
      chunks.push(chunk)
      onlooker?.passed(chunk)
    }
    onlooker?.rest()
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
