/** What HTTP/2 has instead of start lines and framing headers, turned into what both have, and back. Pure. */
import { pairsIn } from '../http1/field-lines.ts'
import type { AnswerFraming } from './answer-head.ts'
import type { AnswerStart, BodyKind } from './front.ts'
import { type Refused, type RequestHead, requestOfRaw } from './request-rules.ts'

/** What a field costs beside its bytes, as HTTP/2 counts (RFC 9113, 6.5.2). */
const FIELD_BYTES = 32
const CHUNKED: BodyKind = { kind: 'chunked' }

/**
 * @param fields as name, value; pseudo-headers come first and once each, and none is meant for one connection, since
 * nghttp2 resets streams that are otherwise. @param isWhole no body follows. @param headerBytes more are refused.
 */
export function requestOfStream(
  fields: readonly string[],
  isWhole: boolean,
  headerBytes: number,
): RequestHead | Refused {
  const { pseudo, plain, bytes } = sorted(fields)
  if (bytes > headerBytes) return { status: 431, fault: `its head is larger than ${headerBytes} bytes` }
  const head = requestOfRaw(
    { method: pseudo[':method'] ?? '', url: pseudo[':path'] ?? '', version: '1.1' },
    plain,
  )
  if ('fault' in head) return head
  const authority = pseudo[':authority']
  if (authority !== undefined && authority !== head.headers['host']) {
    return { status: 400, fault: 'its Host header is not its :authority' }
  }
  const body = head.headers['content-length'] === undefined && !isWhole ? CHUNKED : head.body
  return { ...head, body, expectsContinue: head.headers['expect'] !== undefined && body.kind !== 'none' }
}

function sorted(fields: readonly string[]) {
  const pseudo: Record<string, string | undefined> = Object.create(null)
  const plain: string[] = []
  const cookies: string[] = []
  let hasHost = false
  let bytes = 0
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    const value = fields[i + 1]!
    bytes += name.length + value.length + FIELD_BYTES
    if (name.startsWith(':')) pseudo[name] = value
    else if (name === 'cookie') cookies.push(value)
    else plain.push(name, value)
    hasHost ||= name === 'host'
  }
  if (!hasHost && pseudo[':authority'] !== undefined) plain.push('host', pseudo[':authority'])
  // One that came in parts would be several to a reader of HTTP/1.1.
  if (cookies.length > 0) plain.push('cookie', cookies.join('; '))
  return { pseudo, plain, bytes }
}

/** @param now the date, where the answer has none. */
export function streamHead({ status, lines, bytes, date }: AnswerStart, now: string): string[] {
  const fields = [':status', String(status)]
  const pairs = pairsIn(lines)
  for (let i = 0; i < pairs.length; i += 2) fields.push(pairs[i]!.toLowerCase(), pairs[i + 1]!)
  fields.push('date', date ?? now)
  // Of what has no body, one who counts would wait for it.
  if (bytes !== undefined && status !== 204) fields.push('content-length', String(bytes))
  return fields
}

/** @param length as the answer says; undefined where it does not. */
export function streamFraming(status: number, length: number | undefined, method: string): AnswerFraming {
  if (method === 'HEAD' || NO_BODY.has(status)) return 'none'
  return length === undefined ? 'until-close' : 'length'
}

const NO_BODY = new Set([204, 205, 304])

/** @param fields as name, value. */
export function byName(fields: readonly string[]): Record<string, string | string[]> {
  const all: Record<string, string | string[]> = {}
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!.toLowerCase()
    const before = all[name]
    all[name] = before === undefined ? fields[i + 1]! : [before, fields[i + 1]!].flat()
  }
  return all
}
