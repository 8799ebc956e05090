/** A client of HTTP/2 that sends whatever frames a test makes, those that no library would send too. */
import tls from 'node:tls'

export const FRAME = {
  ...{ data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8, continuation: 9 },
} as const
export const END_STREAM = 1
export const END_HEADERS = 4
const HEAD_BYTES = 9
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

export type Frame = {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

/** @param stream 0 for the connection itself. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

export function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Each as it is, never indexed (RFC 7541, 6.2.2). @param fields as name, value. */
export function headerBlock(fields: readonly string[]): Buffer {
  const parts: Buffer[] = []
  fields.forEach((text, i) => {
    if (i % 2 === 0) parts.push(Buffer.of(0))
    parts.push(lengthOf(text.length), Buffer.from(text, 'latin1'))
  })
  return Buffer.concat(parts)
}

/** As HPACK writes it, with a prefix of 7 bits (RFC 7541, 5.1). */
function lengthOf(length: number): Buffer {
  if (length < 127) return Buffer.of(length)
  const bytes = [127]
  let rest = length - 127
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128)
  return Buffer.of(...bytes, rest)
}

export type FrameClient = {
  readonly socket: tls.TLSSocket
  /** What came. */
  readonly frames: readonly Frame[]
  readonly isClosed: () => boolean
  /** Of the first GOAWAY; undefined where none came. */
  readonly goAway: () => number | undefined
  /** How a stream was reset; undefined where it was not. */
  readonly resetOf: (stream: number) => number | undefined
  readonly send: (...frames: Buffer[]) => void
}

/** @param settings as number and value, beside which ours are those of the protocol. */
export async function frameClient(
  port: number,
  settings: readonly [number, number][] = [],
): Promise<FrameClient> {
  const frames: Frame[] = []
  let unread: Buffer = Buffer.alloc(0)
  let isClosed = false
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] })
  socket.on('error', () => {})
  socket.on('close', () => {
    isClosed = true
  })
  socket.on('data', (bytes: Buffer) => {
    unread = Buffer.concat([unread, bytes])
    for (;;) {
      const length = unread.length < HEAD_BYTES ? Number.POSITIVE_INFINITY : unread.readUIntBE(0, 3)
      if (unread.length < HEAD_BYTES + length) break
      const [type, flags] = [unread[3]!, unread[4]!]
      const payload = Buffer.from(unread.subarray(HEAD_BYTES, HEAD_BYTES + length))
      frames.push({ type, flags, stream: unread.readUInt32BE(5), payload })
      unread = unread.subarray(HEAD_BYTES + length)
    }
  })
  await new Promise((resolve) => socket.once('secureConnect', resolve))
  const own = settings.map(([number, value]) => Buffer.concat([Buffer.of(0, number), number32(value)]))
  socket.write(Buffer.concat([Buffer.from(PREFACE), frame(FRAME.settings, 0, 0, Buffer.concat(own))]))
  const first = (type: number, stream: number) =>
    frames.find((it) => it.type === type && it.stream === stream)?.payload
  return {
    socket,
    frames,
    isClosed: () => isClosed,
    goAway: () => first(FRAME.goaway, 0)?.readUInt32BE(4),
    resetOf: (stream) => first(FRAME.reset, stream)?.readUInt32BE(0),
    send: (...all) => void (socket.destroyed || socket.write(Buffer.concat(all))),
  }
}
