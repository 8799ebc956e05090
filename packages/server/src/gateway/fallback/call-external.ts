/**
 * A request answered by an OpenAI-compatible server elsewhere: with that server's key and model, and with nothing of
 * the caller's but the body.
 */
import type { IncomingMessage } from 'node:http'
import { messageOf, PlatformError } from '../../domain/errors.ts'
import type { ExternalStep } from '../../link/messages.ts'
import { http, https } from '../../platform/node-http.ts'
import type { Exchange } from '../exchange.ts'
import { toClient } from '../headers.ts'
import { fieldsOf, lengthIn } from '../http1/field-lines.ts'
import { nameSet } from '../http1/field-names.ts'
import type { GatewayLimits } from '../limits.ts'
import type { RequestMeter } from '../request-meter.ts'

const PREFIX = '/v1'
const ONCE = nameSet(['content-length'])

/** The request as the other server gets it; undefined where it is none that such a server knows. */
export function externalRequest(
  to: ExternalStep,
  path: string,
  body: readonly Buffer[],
): { readonly url: URL; readonly body: Buffer } | undefined {
  if (!path.startsWith(`${PREFIX}/`)) return undefined
  const asked = objectIn(Buffer.concat(body).toString('utf8'))
  if (!asked) return undefined
  const url = new URL(to.baseUrl.replace(/\/+$/, '') + path.slice(PREFIX.length))
  return { url, body: Buffer.from(JSON.stringify({ ...asked, model: to.model })) }
}

/** @throws PlatformError `bad_gateway` when it cannot be reached or breaks off. */
export function callExternal(
  exchange: Exchange,
  { url, body }: { readonly url: URL; readonly body: Buffer },
  to: ExternalStep,
  meter: RequestMeter,
  limits: Pick<GatewayLimits, 'replicaSilenceMs' | 'retryAfterMs'>,
): Promise<void> {
  const silenceMs = Math.max(limits.replicaSilenceMs, exchange.timeLeftMs ?? 0)
  return new Promise((resolve, reject) => {
    const broke = (reason: string) => {
      const options = { retryAfterMs: limits.retryAfterMs }
      reject(new PlatformError('bad_gateway', `The fallback at ${url.host} broke off: ${reason}.`, options))
    }
    const request = (url.protocol === 'https:' ? https : http).request(url, {
      method: 'POST',
      timeout: silenceMs,
      headers: {
        'content-type': 'application/json',
        'content-length': body.length,
        accept: exchange.request.headers['accept'] ?? '*/*',
        'accept-encoding': 'identity',
        authorization: `Bearer ${to.key}`,
        'user-agent': 'berth',
      },
    })
    request.on('timeout', () => request.destroy(new Error(`it sent nothing for ${silenceMs / 1_000} s`)))
    request.on('error', (error) => broke(messageOf(error)))
    request.on('response', (answer) => passBack(exchange, answer, meter, { resolve, reject, broke }))
    exchange.tell({
      nobodyWaits: () => {
        request.destroy()
        if (exchange.outOfTime) reject(exchange.outOfTime)
        else resolve()
      },
      clientDrained: () => {},
    })
    request.end(body)
  })
}

type PassBackEnds = {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  readonly broke: (reason: string) => void
}

function passBack(
  exchange: Exchange,
  answer: IncomingMessage,
  meter: RequestMeter,
  { resolve, reject, broke }: PassBackEnds,
): void {
  const headers = fieldsOf(answer.rawHeaders, ONCE)
  if ('fault' in headers) {
    answer.destroy()
    broke(headers.fault)
    return
  }
  const length = headers['content-length']
  const head = {
    status: answer.statusCode ?? 502,
    reason: answer.statusMessage ?? '',
    headers,
    bytes: length === undefined ? undefined : lengthIn(length),
  }
  meter.began(head)
  exchange.body.free()
  const ours = `x-request-id: ${exchange.id}\r\n${exchange.alsoLines}`
  const lines = ours + toClient(headers, [...exchange.alsoNames, 'set-cookie'])
  exchange.begin({ ...head, lines, date: headers['date'] }, headers['content-type'])
  exchange.tell({
    nobodyWaits: () => {
      answer.destroy()
      if (exchange.outOfTime) reject(exchange.outOfTime)
      else resolve()
    },
    clientDrained: () => void answer.resume(),
  })
  answer.on('data', (chunk: Buffer) => {
    exchange.response.write(meter.passed(chunk))
    if (!exchange.response.flush()) answer.pause()
  })
  answer.on('end', () => {
    exchange.response.end(meter.rest())
    resolve()
  })
  answer.on('error', (error) => broke(messageOf(error)))
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
