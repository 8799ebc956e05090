/**
 * Reads the answers to one request after another from the bytes of a connection, in whatever pieces they come. Pure.
 *
 * What is handed on are views of the bytes. Any doubt about where an answer ends is a fault: the connection it came on
 * is given up, never used again.
 */
import { ChunkedReader } from '../http1/chunked-reader.ts'
import { type FieldLines, HeadScan, lengthIn, listed, readFieldLines } from '../http1/field-lines.ts'
import { nameSet } from '../http1/field-names.ts'
import type { UpstreamRequest } from './attempt.ts'

export type AnswerHead = {
  readonly status: number
  readonly reason: string
  readonly headers: FieldLines
  /** Of its body, as its Content-Length says, whether or not there is one. */
  readonly bytes: number | undefined
}

export interface AnswerReader {
  /** An interim answer, 100 to 199 without 101. */
  informed(head: AnswerHead): void
  began(head: AnswerHead): void
  /** A part of the body. */
  passed(chunk: Buffer): void
  /** @param trailers as name, value. */
  ended(trailers: readonly string[]): void
}

export type ReadState =
  /** Nothing or a part of it has come. */
  | 'more'
  /** The answer is complete, and the connection fit for another request. */
  | 'done'
  /** The answer is complete, and the connection is to be closed. */
  | 'last'
  /** The connection now carries another protocol. */
  | 'upgraded'
  | 'fault'

const HEAD_BYTES = 64 * 1024
const MOST_INTERIM = 16
const ONCE = nameSet(['content-length', 'transfer-encoding'])
const NO_BYTES = Buffer.alloc(0)
const NO_TRAILERS: readonly string[] = []
const SWITCHING_PROTOCOLS = 101

type Body =
  | { readonly kind: 'length'; left: number }
  | { readonly kind: 'chunked'; readonly reader: ChunkedReader }
  | { readonly kind: 'until-close' }

export class ResponseReader {
  readonly #to: AnswerReader
  #method = ''
  #mayUpgrade = false
  #state: ReadState = 'more'
  #fault = ''
  /** A head that has come in part. */
  #started: Buffer = NO_BYTES
  readonly #scan = new HeadScan(HEAD_BYTES)
  #interim = 0
  #body: Body | undefined
  #persists = false

  constructor(to: AnswerReader) {
    this.#to = to
  }

  /** What comes next is the answer to this. The one before, if any, was complete. */
  expect({ method, mayUpgrade }: Pick<UpstreamRequest, 'method' | 'mayUpgrade'>): void {
    this.#method = method
    this.#mayUpgrade = mayUpgrade
    this.#state = 'more'
    this.#interim = 0
    this.#body = undefined
  }

  get state(): ReadState {
    return this.#state
  }

  /** Why it is no answer; empty while it is one. */
  get fault(): string {
    return this.#fault
  }

  /** What comes next of its body begins with a chunk. */
  get isBetweenChunks(): boolean {
    return this.#body?.kind === 'chunked' && this.#body.reader.isBetween
  }

  /** @returns how many of `bytes` belong to the answer; after an upgrade, the rest belongs to the other protocol. */
  read(bytes: Buffer): number {
    let at = 0
    while (this.#state === 'more' && at < bytes.length) {
      at = this.#body ? this.#readBody(this.#body, bytes, at) : this.#readHead(bytes, at)
    }
    return at
  }

  /** The connection ended. */
  closed(): void {
    if (this.#state !== 'more') return
    if (this.#body?.kind === 'until-close') this.#end(NO_TRAILERS, 'last')
    else this.#break('it closed the connection')
  }

  #readHead(bytes: Buffer, from: number): number {
    const before = this.#started.length
    const rest = from === 0 ? bytes : bytes.subarray(from)
    const all = before === 0 ? rest : Buffer.concat([this.#started, rest])
    const end = this.#scan.look(all)
    if (end === 'more') {
      this.#started = all
      return bytes.length
    }
    if (end === 'too-long') return this.#break('its headers are too long', bytes.length)
    if (typeof end !== 'number') return this.#break(end.fault, bytes.length)
    this.#started = NO_BYTES
    this.#scan.reset()
    const head = headIn(all.toString('latin1', 0, end - 2))
    if ('fault' in head) return this.#break(head.fault, bytes.length)
    const fault = this.#take(head)
    return fault === undefined ? from + end - before : this.#break(fault, bytes.length)
  }

  /** @returns why it cannot be taken. */
  #take(head: VersionedHead): string | undefined {
    const { status, headers } = head
    if (status === SWITCHING_PROTOCOLS) {
      if (!this.#mayUpgrade) return 'it switched to a protocol that nobody asked for'
      this.#state = 'upgraded'
      this.#to.began(head)
      return undefined
    }
    if (status < 200) {
      if (++this.#interim > MOST_INTERIM) return 'it goes on announcing an answer'
      if (saysMoreThanInterim(head)) return 'an interim answer says that it has a body, or is the last'
      this.#to.informed(head)
      return undefined
    }
    const framing = bodyOf(head, this.#method)
    if ('fault' in framing) return framing.fault
    this.#body = framing
    this.#persists =
      framing.kind !== 'until-close' &&
      head.version === '1.1' &&
      !listed(headers['connection']).includes('close')
    this.#to.began(head)
    if (framing.kind === 'length' && framing.left === 0) this.#end(NO_TRAILERS)
    return undefined
  }

  #readBody(body: Body, bytes: Buffer, from: number): number {
    switch (body.kind) {
      case 'length': {
        const end = Math.min(bytes.length, from + body.left)
        body.left -= end - from
        this.#to.passed(bytes.subarray(from, end))
        if (body.left === 0) this.#end(NO_TRAILERS)
        return end
      }
      case 'until-close':
        this.#to.passed(bytes.subarray(from))
        return bytes.length
      case 'chunked':
        return this.#readChunks(body.reader, bytes, from)
      default:
        return body satisfies never
    }
  }

  /** Chunks that came together go on together. */
  #readChunks(reader: ChunkedReader, bytes: Buffer, from: number): number {
    let first: Buffer | undefined
    let more: Buffer[] | undefined
    const end = reader.read(bytes, from, bytes.length, (start, stop) => {
      const piece = bytes.subarray(start, stop)
      if (!first) first = piece
      else if (more) more.push(piece)
      else more = [first, piece]
    })
    if (more) this.#to.passed(Buffer.concat(more))
    else if (first) this.#to.passed(first)
    if (reader.isDone) this.#end(reader.trailers)
    else if (reader.fault !== '') this.#break(reader.fault)
    return end
  }

  #end(trailers: readonly string[], state: ReadState = this.#persists ? 'done' : 'last'): void {
    this.#state = state
    this.#to.ended(trailers)
  }

  #break(fault: string, at = 0): number {
    this.#state = 'fault'
    this.#fault = fault
    return at
  }
}

const saysMoreThanInterim = ({ headers, version }: VersionedHead) =>
  version !== '1.1' ||
  headers['content-length'] !== undefined ||
  headers['transfer-encoding'] !== undefined ||
  listed(headers['connection']).includes('close')

type VersionedHead = AnswerHead & { readonly version: '1.0' | '1.1' }

/** `HTTP/1.1 200 OK`, of which what comes behind the status may be missing. */
const STATUS_LINE = /^HTTP\/1\.[01] [1-9]\d\d(?:$| )/
const STATUS_AT = 9
const REASON_AT = 13

/** @param text latin1, in which `HeadScan` found no fault. */
function headIn(text: string): VersionedHead | { readonly fault: string } {
  const lineEnd = text.indexOf('\r\n')
  const line = text.slice(0, lineEnd)
  if (!STATUS_LINE.test(line)) return { fault: 'it does not begin as an HTTP/1.1 answer does' }
  const headers = readFieldLines(text, lineEnd + 2, ONCE)
  if ('fault' in headers) return headers
  const length = headers['content-length']
  const bytes = length === undefined ? undefined : lengthIn(length)
  if (length !== undefined && bytes === undefined) return { fault: 'its Content-Length is no length' }
  return {
    version: line.startsWith('HTTP/1.1') ? '1.1' : '1.0',
    status: Number(line.slice(STATUS_AT, STATUS_AT + 3)),
    reason: line.slice(REASON_AT),
    headers,
    bytes,
  }
}

function bodyOf(
  { status, headers, version, bytes }: VersionedHead,
  method: string,
): Body | { readonly fault: string } {
  const coding = headers['transfer-encoding']
  if (coding !== undefined && bytes !== undefined) {
    return { fault: 'it has both a Content-Length and a Transfer-Encoding' }
  }
  if (coding !== undefined && (version !== '1.1' || coding.toLowerCase() !== 'chunked')) {
    return { fault: 'its transfer encoding is not "chunked"' }
  }
  if (method === 'HEAD' || status === 204 || status === 304) return { kind: 'length', left: 0 }
  if (coding !== undefined) return { kind: 'chunked', reader: new ChunkedReader() }
  if (bytes !== undefined) return { kind: 'length', left: bytes }
  return { kind: 'until-close' }
}
