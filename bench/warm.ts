/**
 * What the gateway adds to a warm request, at a constant rate against the echo engine, beside the direct path.
 *
 * Requests are sent by schedule whether or not earlier ones are answered, and latency counts from the schedule, so
 * that a pause anywhere is paid for by every request it delayed. Direct and gateway rounds take turns.
 */
import { readdirSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { newHome, portIn, REPLICA_ID, removeHome, startBerth, until } from './berth.ts'
import { atMost, median, plain, quantile, report } from './report.ts'

const RATE_PER_SECOND = 500
/** Short and many: the pauses that a virtual machine's neighbours make spoil the rounds they fall in, not the median of all. */
const ROUND_MS = 2_000
const ROUNDS = 30
const BODY = JSON.stringify({ messages: [{ role: 'user', content: 'hello' }], max_tokens: 1 })

const home = newHome()
const berth = await startBerth(home)
try {
  const params = { namespace: 'admin', name: 'echo' }
  const { vendors } = await berth.client.listVendorsForNamespace({ params: { namespace: 'admin' } })
  const { instanceType, instanceSize } = vendors[0]!.regions[0]!.computes[0]!
  await berth.client.createEndpoint({
    params: { namespace: 'admin' },
    body: {
      name: 'echo',
      type: 'private',
      provider: { vendor: 'local', region: 'default' },
      compute: { accelerator: 'cpu', instanceType, instanceSize, scaling: { minReplica: 1, maxReplica: 1 } },
      model: { repository: 'berth/guide', framework: 'custom', image: { echo: { parallel: 1000 } } },
    },
  })
  await until('running', async () => (await berth.client.getEndpoint({ params })).status.state === 'running')

  const gateway = new URL(`${berth.url}/e/admin/echo/v1/chat/completions`)
  const direct = { host: '127.0.0.1', port: replicaPort(home), path: '/v1/chat/completions' }
  const viaGateway = { host: gateway.hostname, port: Number(gateway.port), path: gateway.pathname }
  const engineKey = await keyOfOnlyReplica()
  await round(direct, engineKey)
  await round(viaGateway, berth.token)

  const added: { p50: number; p99: number; direct50: number; direct99: number }[] = []
  for (let i = 0; i < ROUNDS; i++) {
    const straight = await round(direct, engineKey)
    const through = await round(viaGateway, berth.token)
    added.push({
      direct50: median(straight),
      direct99: quantile(straight, 0.99),
      p50: median(through) - median(straight),
      p99: quantile(through, 0.99) - quantile(straight, 0.99),
    })
  }
  report(`Warm request through the gateway at ${RATE_PER_SECOND} requests/s (echo engine)`, [
    plain('direct p50', median(added.map((one) => one.direct50)), 'ms'),
    plain('direct p99', median(added.map((one) => one.direct99)), 'ms'),
    atMost('added p50', median(added.map((one) => one.p50)), 'ms', 0.6),
    atMost('added p99', median(added.map((one) => one.p99)), 'ms', 4),
  ])
} finally {
  await berth.stop()
  removeHome(home)
}

/** The engine takes only requests with its own key, which only Berth can work out. */
async function keyOfOnlyReplica(): Promise<string> {
  const { loadKey } = await import('../packages/server/src/store/secret-box.ts')
  const { replicaKeyring } = await import('../packages/server/src/replica-keys.ts')
  const key = await loadKey({ file: path.join(home, 'key'), env: undefined })
  return replicaKeyring(key)(onlyReplica(home) as never)
}

function onlyReplica(home: string): string {
  return readdirSync(path.join(home, 'run', 'replicas')).filter((name) => REPLICA_ID.test(name))[0]!
}

function replicaPort(home: string): number {
  return portIn(path.join(home, 'run', 'replicas', onlyReplica(home), 'record.json')).port
}

function round(to: { host: string; port: number; path: string }, token: string): Promise<number[]> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 })
  const total = (ROUND_MS / 1_000) * RATE_PER_SECOND
  const latencies: number[] = []
  return new Promise((resolve, reject) => {
    const begun = performance.now()
    let sent = 0
    const pump = () => {
      while (sent < total && performance.now() >= begun + (sent * 1_000) / RATE_PER_SECOND) {
        const due = begun + (sent * 1_000) / RATE_PER_SECOND
        sent++
        send(agent, to, token).then(() => {
          latencies.push(performance.now() - due)
          if (latencies.length === total) {
            agent.destroy()
            resolve(latencies)
          }
        }, reject)
      }
      if (sent === total) return
      // A timer for most of the way: a loop that spins would take a core from the processes that are measured.
      const ahead = begun + (sent * 1_000) / RATE_PER_SECOND - performance.now()
      if (ahead > 1.5) setTimeout(pump, 1)
      else setImmediate(pump)
    }
    pump()
  })
}

function send(
  agent: http.Agent,
  to: { host: string; port: number; path: string },
  token: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': BODY.length,
    }
    const request = http.request({ ...to, agent, method: 'POST', headers }, (response) => {
      response.resume()
      response.on('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`status ${response.statusCode}`)),
      )
    })
    request.on('error', reject)
    request.end(BODY)
  })
}
