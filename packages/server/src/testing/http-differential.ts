/**
 * Reads the same bytes with our parsers and with llhttp, and says where they do not mean the same.
 *
 * What ours lets in, llhttp must let in too and read alike; ours may refuse more. And ours must read the same however
 * the bytes arrive. Nothing here touches a network: sockets are streams in memory.
 */
import { EventEmitter } from 'node:events'
import { METHODS } from 'node:http'
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import { Deadlines } from '../gateway/deadlines.ts'
import type { ClientRequest, ClientResponse } from '../gateway/front/front.ts'
import { RawFront } from '../gateway/front/raw-front.ts'
import { requestOfRaw } from '../gateway/front/request-rules.ts'
import { GATEWAY_LIMITS } from '../gateway/limits.ts'
import { ResponseReader } from '../gateway/upstream/response-reader.ts'
import { answerCase, pieces, type Random, requestBytes } from './http-cases.ts'

export type Disagreement = {
  readonly what: string
  readonly bytes: string
  readonly ours: string
  readonly theirs: string
}

/** What became of the bytes: one line for each request or answer, and one for how it ended. */
type Reading = readonly string[]

export type Tally = {
  cases: number
  /** Messages that both let in. */
  agreed: number
  /** Messages that llhttp would have let in. */
  stricter: number
}

export function compareRequests(random: Random, cases: number, tally: Tally): Disagreement[] {
  return Array.from({ length: cases }, () => {
    const bytes = requestBytes(random)
    const ours = readRequests([bytes])
    return judged(bytes, ours, readRequests(pieces(bytes, random)), readWithLlhttp(bytes), tally)
  }).flat()
}

export function compareAnswers(random: Random, cases: number, tally: Tally): Disagreement[] {
  return Array.from({ length: cases }, () => {
    const { method, bytes, closes } = answerCase(random)
    const ours = readAnswer(method, [bytes], closes)
    const pieced = readAnswer(method, pieces(bytes, random), closes)
    return judged(bytes, ours, pieced, readAnswerWithLlhttp(method, bytes, closes), tally)
  }).flat()
}

function judged(
  bytes: Buffer,
  ours: Reading,
  pieced: Reading,
  theirs: Reading,
  tally: Tally,
): Disagreement[] {
  const found: Disagreement[] = []
  const say = (what: string, a: Reading, b: Reading) =>
    found.push({ what, bytes: bytes.toString('latin1'), ours: a.join('\n'), theirs: b.join('\n') })
  tally.cases++
  if (ours.join('\n') !== pieced.join('\n')) say('it is read otherwise when it comes in pieces', ours, pieced)
  const letIn = ours.filter(isMessage)
  const letInByThem = theirs.filter(isMessage)
  tally.agreed += letIn.length
  tally.stricter += Math.max(0, letInByThem.length - letIn.length)
  if (letIn.some((message, i) => message !== letInByThem[i]))
    say('llhttp reads it otherwise, or not at all', ours, theirs)
  return found
}

const isMessage = (line: string) => line.startsWith('message ')

/** A connection without a network, which tells everything at once. */
class Wire extends EventEmitter {
  readonly remoteAddress = '127.0.0.1'
  readonly writableLength = 0
  readonly writableNeedDrain = false
  isOver = false
  written = ''

  write(data: string | Buffer): boolean {
    this.written += data.toString('latin1')
    return true
  }

  end(): void {}
  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
  isPaused(): boolean {
    return false
  }

  destroy(): void {
    this.isOver = true
    this.emit('close')
  }
}

const DEADLINES = new Deadlines(1_000_000)

function readRequests(parts: readonly Buffer[]): Reading {
  const lines: string[] = []
  const front = new RawFront({
    limits: GATEWAY_LIMITS,
    deadlines: DEADLINES,
    now: () => 0,
    inTurn: (work) => work(),
    answer: (request, response) => takeDown(request, response, lines),
    refusal: () => {
      lines.push('refused')
      return { requestId: 'r', text: '{}' }
    },
  })
  const wire = new Wire()
  front.take(wire as unknown as Socket)
  for (const part of parts) if (!wire.isOver) wire.emit('data', part)
  if (!wire.isOver) wire.destroy()
  return lines
}

function takeDown(request: ClientRequest, response: ClientResponse, lines: string[]): void {
  let text = ''
  const answer = () => {
    lines.push(messageOf(request.method, request.url, request.headers.pairs, request.body.kind, text))
    response.begin({ status: 200, reason: 'OK', lines: '', bytes: 0 })
    response.end()
  }
  if (request.body.kind === 'none') {
    answer()
    return
  }
  request.read({
    arrived: (chunk) => {
      text += chunk.toString('latin1')
    },
    ended: answer,
    broke() {},
  })
}

const messageOf = (...parts: readonly unknown[]) => `message ${JSON.stringify(parts)}`

/** As much of Node's own parser as is needed; `node:_http_common` has no types. */
type Llhttp = {
  initialize(kind: number, resource: object, headBytes: number): void
  execute(bytes: Buffer): number | Error
  finish(): Error | undefined
  [callback: number]: unknown
}

const { HTTPParser } = createRequire(import.meta.url)('_http_common') as {
  readonly HTTPParser: (new () => Llhttp) & Readonly<Record<string, number>>
}
const CONTINUE = 0
const NO_BODY = 1

/** By the number that llhttp has for each. */
const METHOD_NAMES = METHODS.reduce<string[]>((names, method) => {
  const parser = new HTTPParser()
  parser.initialize(HTTPParser['REQUEST']!, {}, GATEWAY_LIMITS.headerBytes)
  parser[HTTPParser['kOnHeadersComplete']!] = (
    _major: number,
    _minor: number,
    _raw: unknown,
    number: number,
  ) => {
    names[number] = method
    return CONTINUE
  }
  parser.execute(Buffer.from(`${method} / HTTP/1.1\r\nhost: a\r\n\r\n`))
  return names
}, [])

function readWithLlhttp(bytes: Buffer): Reading {
  const lines: string[] = []
  let raw: string[] = []
  let head: ReturnType<typeof requestOfRaw> = { status: 400, fault: '' }
  let text = ''
  const parser = new HTTPParser()
  parser.initialize(HTTPParser['REQUEST']!, {}, GATEWAY_LIMITS.headerBytes)
  let start = ''
  parser[HTTPParser['kOnHeaders']!] = (more: string[], url: string) => {
    raw.push(...more)
    start += url
  }
  parser[HTTPParser['kOnHeadersComplete']!] = (
    major: number,
    minor: number,
    headers: string[] | undefined,
    method: number,
    url: string | undefined,
  ) => {
    const line = { method: METHOD_NAMES[method] ?? '', url: url ?? start, version: `${major}.${minor}` }
    head = requestOfRaw(line, headers ?? raw)
    raw = []
    start = ''
    text = ''
    return CONTINUE
  }
  parser[HTTPParser['kOnBody']!] = (chunk: Buffer) => {
    text += chunk.toString('latin1')
  }
  parser[HTTPParser['kOnMessageComplete']!] = () => {
    raw = []
    start = ''
    lines.push(
      'fault' in head
        ? 'refused'
        : messageOf(head.method, head.url, head.headers.pairs, head.body.kind, text),
    )
  }
  for (let at = 0; at < bytes.length; ) {
    const used = parser.execute(bytes.subarray(at))
    if (typeof used !== 'number') return [...lines, 'refused']
    if (used === 0) break
    at += used
  }
  return lines
}

function readAnswer(method: string, parts: readonly Buffer[], closes: boolean): Reading {
  const lines: string[] = []
  let body = ''
  let head = ''
  const reader = new ResponseReader({
    informed() {},
    began: ({ status, reason, headers }) => {
      head = JSON.stringify([status, reason, headers.pairs])
    },
    passed: (chunk) => {
      body += chunk.toString('latin1')
    },
    ended: (trailers) => void lines.push(`message ${head} ${JSON.stringify([body, trailers])}`),
  })
  reader.expect({ method, mayUpgrade: false })
  for (const part of parts) {
    if (reader.state !== 'more') break
    reader.read(part)
  }
  if (closes) reader.closed()
  if (reader.state === 'fault') lines.push('refused')
  return lines
}

function readAnswerWithLlhttp(method: string, bytes: Buffer, closes: boolean): Reading {
  const lines: string[] = []
  let raw: string[] = []
  let head = ''
  let body = ''
  let isInterim = false
  const parser = new HTTPParser()
  parser.initialize(HTTPParser['RESPONSE']!, {}, GATEWAY_LIMITS.headerBytes)
  parser[HTTPParser['kOnHeaders']!] = (more: string[]) => raw.push(...more)
  parser[HTTPParser['kOnHeadersComplete']!] = (
    _major: number,
    _minor: number,
    headers: string[] | undefined,
    _method: number,
    _url: string,
    status: number,
    reason: string | undefined,
  ) => {
    head = JSON.stringify([status, reason ?? '', headers ?? raw])
    raw = []
    body = ''
    isInterim = status < 200
    return isInterim || method === 'HEAD' ? NO_BODY : CONTINUE
  }
  parser[HTTPParser['kOnBody']!] = (chunk: Buffer) => {
    body += chunk.toString('latin1')
  }
  parser[HTTPParser['kOnMessageComplete']!] = () => {
    if (!isInterim) lines.push(`message ${head} ${JSON.stringify([body, raw])}`)
    raw = []
  }
  const used = parser.execute(bytes)
  if (typeof used !== 'number') lines.push('refused')
  else if (closes && parser.finish() instanceof Error) lines.push('refused')
  return lines
}
