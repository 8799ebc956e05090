import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../platform/clock.ts'
import { askReplica } from './ask-replica.ts'
import { Deadlines } from './deadlines.ts'
import { GATEWAY_LIMITS } from './limits.ts'
import { Upstream } from './upstream/upstream.ts'

async function engine(handler: http.RequestListener) {
  const server = http.createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const upstream = new Upstream({ deadlines: new Deadlines(1_000), limits: GATEWAY_LIMITS })
  onTestFinished(() => {
    upstream.close()
    server.closeAllConnections()
    server.close()
  })
  const replica = { host: '127.0.0.1', port: (server.address() as AddressInfo).port, apiKey: 'key' }
  const ask = (question: { readonly path: string; readonly body?: string }, timeoutMs = 10_000) =>
    askReplica(upstream, replica, question, { clock: systemClock, timeoutMs })
  return { ask, upstream }
}

test('a question is sent with the key and its reply comes back', async () => {
  const { ask, upstream } = await engine((request, response) => {
    const { method, url, headers } = request
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () =>
      response.writeHead(418).end(JSON.stringify({ method, url, key: headers.authorization, body })),
    )
  })
  const got = await ask({ path: '/metrics' })
  expect(got?.status).toBe(418)
  expect(JSON.parse(got!.text)).toEqual({ method: 'GET', url: '/metrics', key: 'Bearer key', body: '' })
  const posted = await ask({ path: '/v1/completions', body: '{"prompt":"é"}' })
  expect(JSON.parse(posted!.text)).toMatchObject({ method: 'POST', body: '{"prompt":"é"}' })
  expect(upstream.openConnections).toBe(0)
})

test('who does not reply in time, or breaks off, has said nothing, and keeps no connection', async () => {
  const silent = await engine(() => {})
  expect(await silent.ask({ path: '/' }, 5)).toBeUndefined()
  expect(silent.upstream.openConnections).toBe(0)
  const broken = await engine((request) => void request.socket.destroy())
  expect(await broken.ask({ path: '/' })).toBeUndefined()
})
