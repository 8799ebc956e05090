/**
 * HTTP/1.1 as it should not be: requests and answers made of parts that parsers have disagreed about, then damaged.
 *
 * The same seed makes the same cases, so that one that was found can be looked at again.
 */

export type Random = {
  /** From 0 up to but without `n`. */
  readonly below: (n: number) => number
  readonly chance: (probability: number) => boolean
  readonly pick: <T>(items: readonly T[]) => T
}

export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (n: number) => Math.floor(next() * n)
  return {
    below,
    chance: (probability) => next() < probability,
    pick: (items) => items[below(items.length)]!,
  }
}

const METHODS = ['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH']
const ODD_METHODS = [
  'get',
  'CONNECT',
  'TRACE',
  'PRI',
  'QUERY',
  'M-SEARCH',
  'FOO',
  '',
  'GE T',
  'G\x00T',
  'SOURCE',
  'DESCRIBE',
  'PROPFIND',
]
const TARGETS = ['/', '/e/acme/chat/v1/x?q=1', '/v1/models', '/%20', '/a;b=c,d']
const ODD_TARGETS = [
  '*',
  'http://a/b',
  'a:80',
  '',
  '/a#b',
  '/\x7f',
  '/\xe9',
  '/a b',
  '//x',
  '/a\tb',
  '/"<>',
  '/{}|\\^`',
  '?',
  '/..;/',
]
const VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0']
const ODD_VERSIONS = [
  'HTTP/2.0',
  'HTTP/0.9',
  'HTTP/1.2',
  'http/1.1',
  'HTTP/1.1 ',
  'HTTP/11',
  'HTTP/1.',
  'HTTP/1.01',
  '',
  'ICE/1.1',
  'RTSP/1.0',
]
const FIELDS = [
  'host: a',
  'Host:a.b:80',
  'Accept: */*',
  'authorization: Bearer x',
  'content-type: application/json',
  'X-Empty:',
  'x-spaces: \t a b \t',
  'cookie: a=1',
  'cookie: b=2',
  'connection: keep-alive',
  'Connection: close',
  'x-high: \xe9',
]
const ODD_FIELDS = [
  'host: b',
  'Host : a',
  'host: a b',
  'host: a, b',
  'host: a@b',
  ' folded: 1',
  '\tfolded',
  'no colon',
  ': no name',
  'na me: 1',
  'n(me: 1',
  'x: \x00',
  'x: a\rb',
  'x: a\nb',
  'x: \x0b',
  'x: \x7f',
  'content-length: 3',
  'Content-Length: 03',
  'content-length: +3',
  'content-length: -1',
  'content-length: 3, 3',
  'content-length: 0x3',
  'content-length: 3 ',
  'content-length:',
  'content-length: 99999999999999999999',
  'transfer-encoding: chunked',
  'Transfer-Encoding: CHUNKED',
  'transfer-encoding: chunked, chunked',
  'transfer-encoding: gzip, chunked',
  'transfer-encoding: identity',
  'transfer-encoding:\tchunked',
  'transfer-encoding : chunked',
  'transfer-encoding: xchunked',
  'transfer-encoding: chunked;a=b',
  'expect: 100-continue',
  'expect: wonders',
  'expect: 100-continue, 100-continue',
  'upgrade: websocket',
  'upgrade: h2c',
  'connection: upgrade',
  'connection: close, upgrade',
  'connection: content-length',
  'proxy-connection: keep-alive',
  'te: trailers',
  'trailer: x',
  'authorization: Bearer y',
  'x-api-key: a',
  'keep-alive: timeout=5',
]
const PAYLOADS = ['', 'abc', 'GET / HTTP/1.1\r\nhost: x\r\n\r\n', '0\r\n\r\n', '\r\n', '{"model":"a/b"}']
const ODD_CHUNKS = [
  '3;x=y\r\nabc\r\n',
  '3 \r\nabc\r\n',
  ' 3\r\nabc\r\n',
  '0x3\r\nabc\r\n',
  '+3\r\nabc\r\n',
  '3\nabc\n',
  '3\r\nabcd\r\n',
  '3\r\nab\r\n',
  '\r\n',
  'fffffffffffffffff\r\nabc\r\n',
  '000000000000003\r\nabc\r\n',
  '3\r\nabc',
  '3\r\nabc\r',
  '3\r\nabc\n',
  'g\r\n',
  '3\r\rabc\r\n',
]
const ODD_ENDS = [
  '0\r\nx: 1\r\n\r\n',
  '0\r\n',
  '00\r\n\r\n',
  '0\n\n',
  '0\r\nx\r\n\r\n',
  '0\r\n x: 1\r\n\r\n',
  '0;a\r\n\r\n',
  '0\r\ncontent-length: 5\r\n\r\n',
  '0\r\n\r\r\n',
  '-0\r\n\r\n',
  '0\r\nx: a\nb\r\n\r\n',
]

/** One to three requests, one after another. */
export function requestBytes(random: Random): Buffer {
  let text = ''
  for (let left = 1 + random.below(3); left > 0; left--) text += request(random)
  return Buffer.from(damaged(text, random), 'latin1')
}

function request(random: Random): string {
  const method = random.chance(0.06) ? random.pick(ODD_METHODS) : random.pick(METHODS)
  const target = random.chance(0.06) ? random.pick(ODD_TARGETS) : random.pick(TARGETS)
  const version = random.chance(0.05) ? random.pick(ODD_VERSIONS) : random.pick(VERSIONS)
  const lines = [...(random.chance(0.95) ? ['host: x'] : []), ...fields(random)]
  const { line, body } = framed(random)
  if (line !== '') lines.splice(random.below(lines.length + 1), 0, line)
  const space = random.chance(0.02) ? random.pick(['  ', '\t']) : ' '
  const before = random.chance(0.02) ? random.pick(['\r\n', '\n', ' ', '\0']) : ''
  return `${before}${method}${space}${target} ${version}${lineEnd(random)}${joined(lines, random)}${body}`
}

export type AnswerCase = { readonly method: string; readonly bytes: Buffer; readonly closes: boolean }

const STATUSES = [
  '200 OK',
  '200 OK',
  '201 Created',
  '204 No Content',
  '304 Not Modified',
  '404 Not Found',
  '500 ',
]
const ODD_STATUSES = [
  '100 Continue',
  '101 Switching Protocols',
  '103 Early Hints',
  '99 Low',
  '1000 High',
  '200',
  '2x0 OK',
  '200  OK',
  '200\tOK',
  '600 Odd',
  '020 OK',
  '-20 X',
  '200 \xe9',
  '200 a\rb',
  '',
]

/** The answer to one request. */
export function answerCase(random: Random): AnswerCase {
  let text = ''
  for (let interim = random.chance(0.1) ? 1 + random.below(2) : 0; interim > 0; interim--) {
    text += `HTTP/1.1 ${random.pick(['100 Continue', '102 Processing', '103 Early Hints'])}\r\n${joined(fields(random), random)}`
  }
  const version = random.chance(0.05) ? random.pick(ODD_VERSIONS) : random.pick(VERSIONS)
  const status = random.chance(0.12) ? random.pick(ODD_STATUSES) : random.pick(STATUSES)
  const lines = fields(random)
  const { line, body } = framed(random)
  if (line !== '') lines.splice(random.below(lines.length + 1), 0, line)
  text += `${version} ${status}${lineEnd(random)}${joined(lines, random)}${body}`
  if (random.chance(0.1)) text += random.pick(['HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n', 'x', '\r\n'])
  return {
    method: random.chance(0.15) ? 'HEAD' : 'GET',
    bytes: Buffer.from(damaged(text, random), 'latin1'),
    closes: random.chance(0.6),
  }
}

/** How it arrives: whole, byte by byte, or in pieces. */
export function pieces(bytes: Buffer, random: Random): readonly Buffer[] {
  if (random.chance(0.15)) return Array.from({ length: bytes.length }, (_, i) => bytes.subarray(i, i + 1))
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + random.below(Math.max(1, bytes.length - at))
    parts.push(bytes.subarray(at, end))
    at = end
  }
  return parts
}

function fields(random: Random): string[] {
  const lines = Array.from({ length: random.below(4) }, () => random.pick(FIELDS.slice(2)))
  if (random.chance(0.35)) lines.splice(random.below(lines.length + 1), 0, random.pick(ODD_FIELDS))
  return lines
}

const joined = (lines: readonly string[], random: Random) =>
  lines.map((line) => line + lineEnd(random)).join('') + lineEnd(random)

const lineEnd = (random: Random) =>
  random.chance(0.008) ? random.pick(['\n', '\r', '\r\r\n', '\n\r']) : '\r\n'

function framed(random: Random): { readonly line: string; readonly body: string } {
  const payload = random.pick(PAYLOADS)
  switch (random.below(4)) {
    case 0:
      return { line: '', body: '' }
    case 1: {
      const said = random.chance(0.08) ? payload.length + random.pick([-1, 1, 5]) : payload.length
      return { line: `content-length: ${said}`, body: payload }
    }
    case 2: {
      let body = ''
      for (let left = random.below(4); left > 0; left--) {
        const chunk = random.pick(PAYLOADS.slice(1))
        const size = random.chance(0.5) ? chunk.length.toString(16) : chunk.length.toString(16).toUpperCase()
        body += random.chance(0.08) ? random.pick(ODD_CHUNKS) : `${size}\r\n${chunk}\r\n`
      }
      return {
        line: 'Transfer-Encoding: chunked',
        body: body + (random.chance(0.12) ? random.pick(ODD_ENDS) : '0\r\n\r\n'),
      }
    }
    default:
      return { line: 'content-length: 0', body: '' }
  }
}

const DAMAGE = [
  '\r',
  '\n',
  '\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  '0',
  'chunked',
  '\x7f',
  '\xff',
  ';',
  'content-length: 1\r\n',
  '"',
]

function damaged(text: string, random: Random): string {
  if (random.chance(0.6)) return text
  let result = text
  for (let left = 1 + random.below(3); left > 0; left--) {
    const at = random.below(result.length + 1)
    switch (random.below(4)) {
      case 0:
        result = result.slice(0, at) + result.slice(at + 1 + random.below(3))
        break
      case 1:
        result = result.slice(0, at) + random.pick(DAMAGE) + result.slice(at)
        break
      case 2:
        result = result.slice(0, at) + String.fromCharCode(random.below(256)) + result.slice(at + 1)
        break
      default: {
        const end = at + random.below(40)
        result = result.slice(0, end) + result.slice(at, end) + result.slice(end)
      }
    }
  }
  return result
}
