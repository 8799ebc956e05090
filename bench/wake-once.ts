/** One wake of the guide, and what can be seen of it from outside. */
import { readdirSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import { type Berth, portIn, REPLICA_ID, until } from './berth.ts'

const ENGINE = path.resolve(import.meta.dirname, '../packages/llama/src/llama-main.ts')
const GUIDE = path.resolve(import.meta.dirname, '../packages/llama/assets/guide.gguf')
/** As Berth starts it; where it listens comes after. */
export const ENGINE_ARGS = [ENGINE, '-m', GUIDE, '-c', '8192', '-np', '4', '-t', '1']

export const now = () => performance.timeOrigin + performance.now()

/** All counted from when the request was sent. */
export type Wake = { readonly forwardedMs: number; readonly answeredMs: number }
export type WatchedWake = Wake & { readonly spawnedMs: number; readonly readyMs: number }

/** The third party that watches takes processor time of its own, so the whole wake is measured without it. */
export async function watchedWake(berth: Berth): Promise<WatchedWake> {
  const replicas = path.join(berth.home, 'run', 'replicas')
  let seen: ReturnType<typeof watchReplica> | undefined
  let sentAt = 0
  const wake = await wakeOnce(berth, () => {
    sentAt = now()
    seen = watchReplica(replicas, new Set(readdirSync(replicas)))
  })
  const { spawnedAt, readyAt } = await seen!
  return { ...wake, spawnedMs: spawnedAt - sentAt, readyMs: readyAt - sentAt }
}

export async function wakeOnce({ client, url, token }: Berth, onSend = () => {}): Promise<Wake> {
  const params = { namespace: 'admin', name: 'guide' }
  const { status } = await client.getEndpoint({ params })
  if (status.state !== 'scaledToZero') await client.scaleEndpointToZero({ params })
  await until('sleep', async () => (await client.listReplicas({ params })).items.length === 0)

  onSend()
  const sentAt = now()
  const answer = await fetch(`${url}/e/admin/guide/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'What is a replica?' }], temperature: 0 }),
  })
  const text = await answer.text()
  const answeredMs = now() - sentAt
  if (answer.status !== 200) throw new Error(`the wake failed: ${answer.status} ${text}`)
  const held = /hold;dur=([\d.]+)/.exec(answer.headers.get('server-timing') ?? '')?.[1]
  if (!held) throw new Error('the gateway did not say how long it held the request')
  return { forwardedMs: Number(held), answeredMs }
}

/** When the new replica's process was born, and when its health route first said 200. */
async function watchReplica(
  directory: string,
  before: ReadonlySet<string>,
): Promise<{ spawnedAt: number; readyAt: number }> {
  const id = await soon(async () =>
    readdirSync(directory).find((name) => REPLICA_ID.test(name) && !before.has(name)),
  )
  const record = await soon(async () => readRecord(path.join(directory, id)))
  const spawnedAt = now()
  await soon(() => isHealthy(record.port))
  return { spawnedAt, readyAt: now() }
}

/** The record is written before the engine is started; the report by the engine's first process, with its first breath. */
function readRecord(directory: string): { port: number } | undefined {
  try {
    if (!readdirSync(directory).some((name) => name.startsWith('self-'))) return undefined
    return portIn(path.join(directory, 'record.json'))
  } catch {
    return undefined // It is being made.
  }
}

export async function soon<T>(ask: () => Promise<T | undefined | false>, intervalMs = 1): Promise<T> {
  for (let i = 0; i < 60_000; i++) {
    const answer = await ask()
    if (answer) return answer
    await new Promise((resolve) => setTimeout(resolve, intervalMs))
  }
  throw new Error('it did not happen')
}

export function isHealthy(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.get({ host: '127.0.0.1', port, path: '/health', agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    request.on('error', () => resolve(false))
  })
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })
}
