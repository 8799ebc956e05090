/**
 * Load for the benchmarks of the gateway, on bare sockets; prints one line of JSON.
 *
 *     node bench/gateway-load.ts rate PORT PATH REQUESTS_PER_SECOND SECONDS
 *     node bench/gateway-load.ts streams PORT PATH STREAMS INTERVAL_MS
 *
 * At a rate, latency counts from the moment at which a request was due, so that a pause is paid for by all that it
 * delayed. Of streams it counts the time between the writing of an event and its arrival here.
 */
import { connect, type Socket } from 'node:net'
import {
  ANSWER,
  EVENTS_PER_STREAM,
  INTERVAL_HEADER,
  promptOf,
  requestOf,
  timesIn,
} from './gateway-traffic.ts'
import { quantile } from './report.ts'

const CONNECTIONS = 64
const HEADER_END = '\r\n\r\n'

const [mode, port = '', path = '', ...numbers] = process.argv.slice(2)
const [first = 0, second = 0] = numbers.map(Number)
console.log(JSON.stringify(mode === 'rate' ? await atRate(first, second) : await streams(first, second)))
process.exit(0)

type Client = { readonly socket: Socket; dueAt: number; text: string }

function open(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.on('error', reject)
  })
}

async function atRate(perSecond: number, seconds: number) {
  const request = requestOf(path, promptOf(300, false))
  const idle: Client[] = []
  const due: number[] = []
  const latencies: number[] = []
  let errors = 0
  for (let i = 0; i < CONNECTIONS; i++) {
    const client: Client = { socket: await open(), dueAt: 0, text: '' }
    client.socket.on('data', (bytes) => {
      client.text += bytes.toString('latin1')
      const head = client.text.indexOf(HEADER_END)
      if (head === -1 || client.text.length < head + 4 + ANSWER.length) return
      latencies.push(performance.now() - client.dueAt)
      if (!client.text.startsWith('HTTP/1.1 200 ') || !client.text.endsWith(ANSWER)) errors++
      const next = due.shift()
      if (next === undefined) idle.push(client)
      else send(client, next)
    })
    idle.push(client)
  }
  const send = (client: Client, dueAt: number) => {
    client.dueAt = dueAt
    client.text = ''
    client.socket.write(request, 'latin1')
  }
  const total = perSecond * seconds
  const begun = performance.now()
  await new Promise<void>((resolve) => {
    let sent = 0
    const pump = () => {
      for (; sent < total; sent++) {
        const dueAt = begun + (sent * 1_000) / perSecond
        if (performance.now() < dueAt) break
        const client = idle.pop()
        if (client) send(client, dueAt)
        else due.push(dueAt)
      }
      if (latencies.length >= total) resolve()
      else setImmediate(pump)
    }
    pump()
  })
  const answeredPerSecond = Math.round((total * 1_000) / (performance.now() - begun))
  const us = (q: number) => Math.round(quantile(latencies, q) * 1_000)
  return { requests: total, errors, answeredPerSecond, p50: us(0.5), p99: us(0.99) }
}

async function streams(count: number, intervalMs: number) {
  const request = requestOf(path, promptOf(300, true), `${INTERVAL_HEADER}: ${intervalMs}\r\n`)
  const delays: number[] = []
  let events = 0
  let errors = 0
  let ended = 0
  await new Promise<void>((resolve, reject) => {
    for (let i = 0; i < count; i++) {
      setTimeout(
        async () => {
          const socket = await open()
          let rest = ''
          let seen = 0
          socket.on('data', (bytes) => {
            const now = process.hrtime.bigint()
            const text = rest + bytes.toString('latin1')
            const lastEnd = text.lastIndexOf('\n\n')
            const whole = lastEnd === -1 ? 0 : lastEnd + 2
            const times = timesIn(text.slice(0, whole))
            rest = text.slice(whole)
            seen += times.length
            events += times.length
            for (const time of times) delays.push(Number(now - time) / 1_000)
            if (seen < EVENTS_PER_STREAM || !text.endsWith('0\r\n\r\n')) return
            if (seen > EVENTS_PER_STREAM) errors++
            socket.destroy()
            if (++ended === count) resolve()
          })
          socket.on('close', () => {
            if (seen < EVENTS_PER_STREAM) reject(new Error(`a stream ended after ${seen} events`))
          })
          socket.write(request, 'latin1')
        },
        (i * 1_000) / count,
      )
    }
  })
  return { events, errors, p50: Math.round(quantile(delays, 0.5)), p99: Math.round(quantile(delays, 0.99)) }
}
