/** The gateway's workers as real processes on one port, and the control process's end of the link. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { livingGateways } from './gateway-record.ts'
import { GatewayWorkers } from './gateway-workers.ts'
import { openLinkHub } from './link/hub.ts'
import type { LinkHub } from './link/messages.ts'
import { systemClock } from './platform/clock.ts'
import { homeAt } from './platform/home.ts'
import { silentLog } from './platform/log.ts'

/** Starting a worker is starting a program, which takes long where much else runs. */
vi.setConfig({ testTimeout: 120_000 })
const soon = <T>(look: () => T) => vi.waitFor(look, { timeout: 60_000, interval: 20 })

async function place() {
  const directory = await mkdtemp(path.join(tmpdir(), 'gateway-workers-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true, maxRetries: 10 }))
  const home = homeAt(directory)
  const supervised: GatewayWorkers[] = []
  const hub = await openLinkHub({
    listen: { path: path.join(directory, 'link.sock') },
    snapshot: () => ({ endpoints: [], grants: [] }),
    onMessage: () => {},
    onConnect: () => supervised.forEach((gateway) => void gateway.hint()),
    onDisconnect: () => supervised.forEach((gateway) => void gateway.hint()),
  })
  onTestFinished(() => hub.close())
  return { home: { ...home, linkSocket: path.join(directory, 'link.sock') }, hub, supervised }
}

type Place = {
  readonly home: ReturnType<typeof homeAt>
  readonly hub: LinkHub
  readonly supervised: GatewayWorkers[]
}

function supervise({ home, hub, supervised }: Place, workers: number, port = 0) {
  const gateway = new GatewayWorkers({
    home,
    host: '127.0.0.1',
    port,
    workers,
    domain: null,
    accessLog: false,
    tls: null,
    front: 'raw',
    clock: systemClock,
    log: silentLog,
    handOver: (id, heir) => hub.send(id, { kind: 'hand-over', ...heir }),
  })
  supervised.push(gateway)
  onTestFinished(() => gateway.stop(0))
  return gateway
}

const pidsOf = async (home: ReturnType<typeof homeAt>) =>
  (await livingGateways(home.gateways)).map(({ pid }) => pid).toSorted()

/** Keeps asking over new connections until told to stop. */
function ask(url: string) {
  let answers = 0
  const failures: string[] = []
  let isOver = false
  async function client(): Promise<void> {
    while (!isOver) {
      await new Promise<void>((resolve) => {
        const request = http.get(`${url}/livez`, { agent: false }, (response) => {
          response.resume()
          response.on('end', () => {
            if (response.statusCode === 200) answers++
            else failures.push(String(response.statusCode))
            resolve()
          })
        })
        request.on('error', (error) => {
          failures.push(error.message)
          resolve()
        })
      })
    }
  }
  const clients = Array.from({ length: 8 }, client)
  return {
    answered: async (count: number) => {
      const goal = answers + count
      await soon(() => expect(answers).toBeGreaterThan(goal))
    },
    finish: async () => {
      isOver = true
      await Promise.all(clients)
      return failures
    },
  }
}

test('workers share a port, one that is killed is replaced, and all are adopted by who comes later', async () => {
  const there = await place()
  const first = supervise(there, 2)
  await first.start()
  await soon(async () => expect(await pidsOf(there.home)).toHaveLength(2))
  await soon(() => expect(there.hub.gateways.map(({ worker }) => worker).toSorted()).toEqual([0, 1]))
  const urls = (await livingGateways(there.home.gateways)).map(({ url }) => url)
  expect(new Set(urls)).toEqual(new Set([first.url]))

  const [victim, survivor] = await pidsOf(there.home)
  process.kill(victim!, 'SIGKILL')
  await soon(async () => {
    const pids = await pidsOf(there.home)
    expect(pids).toHaveLength(2)
    expect(pids).toContain(survivor)
    expect(pids).not.toContain(victim)
  })
  const pids = await pidsOf(there.home)
  const second = supervise(there, 2)
  await second.start()
  expect(second.url).toBe(first.url)
  expect(await pidsOf(there.home)).toEqual(pids)
})

test('a worker without a link is known to live, one without a process is not', async () => {
  const there = await place()
  const gateway = supervise(there, 1)
  await gateway.start()
  await soon(() => expect(there.hub.gateways).toHaveLength(1))
  const [{ id, pid }] = there.hub.gateways as [LinkHub['gateways'][number]]
  await there.hub.close()
  gateway.hint()
  await soon(() => expect(gateway.livingIds).toEqual([id]))
  process.kill(pid, 'SIGKILL')
  gateway.hint()
  await soon(() => expect(gateway.livingIds).not.toContain(id))
})

test('every worker is replaced in turn, and nobody who connects meanwhile is refused or dropped', async () => {
  const there = await place()
  const gateway = supervise(there, 2)
  await gateway.start()
  await soon(async () => expect(await pidsOf(there.home)).toHaveLength(2))
  const before = await pidsOf(there.home)
  const asking = ask(gateway.url)
  await asking.answered(50)
  await gateway.replaceAll()
  await soon(async () => {
    const pids = await pidsOf(there.home)
    expect(pids).toHaveLength(2)
    expect(pids.filter((pid) => before.includes(pid))).toEqual([])
  })
  await asking.answered(50)
  expect(await asking.finish()).toEqual([])
})

test('a worker that leaves finishes the connections it has, and the client of one learns to come back', async () => {
  const there = await place()
  const gateway = supervise(there, 1)
  await gateway.start()
  await soon(() => expect(there.hub.gateways).toHaveLength(1))
  const [before] = await pidsOf(there.home)
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  const call = async () => {
    const [response] = await once(http.get(`${gateway.url}/livez`, { agent }), 'response')
    response.resume()
    await once(response, 'end')
    return response.headers.connection
  }
  expect(await call()).toBe('keep-alive')
  await gateway.replaceAll()
  await soon(async () => expect((await pidsOf(there.home)).length).toBe(2))
  await soon(async () => expect(await call()).toBe('close'))
  await soon(async () => expect(await pidsOf(there.home)).not.toContain(before))
  expect(await call()).toBe('keep-alive')
})

test('fewer workers than before: the others leave', async () => {
  const there = await place()
  const first = supervise(there, 2)
  await first.start()
  await soon(async () => expect(await pidsOf(there.home)).toHaveLength(2))
  const second = supervise(there, 1, Number(new URL(first.url).port))
  await second.start()
  await soon(async () => expect(await pidsOf(there.home)).toHaveLength(1))
})
