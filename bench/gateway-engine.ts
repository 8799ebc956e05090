/**
 * An engine for benchmarks, on bare sockets: reads each request whole, then answers 600 bytes of JSON, or streams
 * events with the time at which each was written.
 *
 *     node bench/gateway-engine.ts PORT...
 */
import { createServer, type Socket } from 'node:net'
import { ANSWER, EVENTS_PER_STREAM, eventAt, INTERVAL_HEADER } from './gateway-traffic.ts'

const HEAD =
  'HTTP/1.1 200 OK\r\ndate: Fri, 20 Nov 2026 13:00:00 GMT\r\nserver: mock\r\ncontent-type: application/json\r\n' +
  `content-length: ${ANSWER.length}\r\n\r\n`
const STREAM_HEAD =
  'HTTP/1.1 200 OK\r\ndate: Fri, 20 Nov 2026 13:00:00 GMT\r\nserver: mock\r\n' +
  'content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n'
const INTERVAL = new RegExp(`\\r\\n${INTERVAL_HEADER}: (\\d+)`, 'i')

for (const port of process.argv.slice(2)) {
  createServer({ noDelay: true }, serve).listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 })
}

function serve(socket: Socket): void {
  let head = ''
  let bodyLeft = 0
  let intervalMs = 0
  socket.on('error', () => {})
  socket.on('data', (bytes) => {
    let at = 0
    while (at < bytes.length) {
      if (bodyLeft === 0) {
        const before = head.length
        head += bytes.toString('latin1', at)
        const end = head.indexOf('\r\n\r\n')
        if (end === -1) return
        at += end + 4 - before
        bodyLeft = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
        intervalMs = Number(INTERVAL.exec(head)?.[1] ?? 0)
        head = ''
      }
      const taken = Math.min(bodyLeft, bytes.length - at)
      bodyLeft -= taken
      at += taken
      if (bodyLeft > 0) return
      if (intervalMs === 0) socket.write(HEAD + ANSWER, 'latin1')
      else stream(socket, intervalMs)
    }
  })
}

function stream(socket: Socket, intervalMs: number): void {
  socket.write(STREAM_HEAD, 'latin1')
  let sent = 0
  const timer = setInterval(() => {
    const event = eventAt(process.hrtime.bigint())
    const isLast = ++sent === EVENTS_PER_STREAM
    socket.write(`${event.length.toString(16)}\r\n${event}\r\n${isLast ? '0\r\n\r\n' : ''}`, 'latin1')
    if (isLast) stop()
  }, intervalMs)
  const stop = () => {
    clearInterval(timer)
    socket.off('close', stop)
  }
  socket.on('close', stop)
}
