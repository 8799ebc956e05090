/**
 * Wakes, one by one: what Berth adds to the engine's own start, the same engine behind llama-swap, and whether what a
 * caller is told of the time comes true.
 *
 * llama-swap is a Go program: `LLAMA_SWAP` names it, or it is on the PATH. Where there is none, its row is left out and
 * the output says so.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Berth, newHome, removeHome, startBerth, until } from './berth.ts'
import { atLeast, atMost, median, plain, quantile, type Row, report } from './report.ts'
import { ENGINE_ARGS, freePort, now, soon, wakeOnce, watchedWake } from './wake-once.ts'

const WAKES = 30
const SCRIPTED_WAKES = 50
/** Starts that are seen before anything is expected of the next. */
const SEEN_BEFORE = 5
const USUAL_START_MS = 400
const POLL_MS = 20

let seed = 7
const home = newHome()
const berth = await startBerth(home)
try {
  report('Wakes', [...(await besideTheEngine(berth)), ...(await expected(berth))])
} finally {
  await berth.stop()
  removeHome(home)
}

/** The same numbers in every run. */
function chance(): number {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
  return seed / 2 ** 31
}

async function besideTheEngine(berth: Berth): Promise<Row[]> {
  const swap = await startLlamaSwap(berth.home)
  try {
    await wakeOnce(berth)
    const added: number[] = []
    const ours: number[] = []
    const theirs: number[] = []
    for (let run = 0; run < WAKES; run++) {
      const watched = await watchedWake(berth)
      added.push(watched.forwardedMs - (watched.readyMs - watched.spawnedMs))
      if (!swap) continue
      ours.push((await wakeOnce(berth)).answeredMs)
      theirs.push(await swap.wake())
    }
    return [
      plain('a whole wake less the engine’s own start, median', median(added), 'ms'),
      atMost('a whole wake less the engine’s own start, 95th percentile', quantile(added, 0.95), 'ms', 50),
      ...(swap
        ? [atMost('until the whole answer ÷ llama-swap', median(ours) / median(theirs), '×', 0.75)]
        : []),
    ]
  } finally {
    swap?.stop()
  }
}

/** Starts as long as a script says, and what a deferred request was told of each. */
async function expected(berth: Berth): Promise<Row[]> {
  const { client } = berth
  const params = { namespace: 'admin', name: 'scripted' }
  const image = (startMs: number) => ({ echo: { startMs } })
  const { vendors } = await client.listVendorsForNamespace({ params: { namespace: 'admin' } })
  const { instanceType, instanceSize } = vendors[0]!.regions[0]!.computes[0]!
  await client.createEndpoint({
    params: { namespace: 'admin' },
    body: {
      name: 'scripted',
      type: 'private',
      provider: { vendor: 'local', region: 'default' },
      compute: {
        accelerator: 'cpu',
        instanceType,
        instanceSize,
        scaling: { minReplica: 0, maxReplica: 1, scaleToZeroTimeout: 15 },
      },
      model: { repository: 'berth/guide', framework: 'custom', image: image(USUAL_START_MS) },
    },
  })
  await until(
    'its first start',
    async () => (await client.getEndpoint({ params })).status.state === 'running',
  )
  let inside = 0
  for (let run = 0; run < SEEN_BEFORE + SCRIPTED_WAKES; run++) {
    await client.scaleEndpointToZero({ params })
    await until('sleep', async () => (await client.listReplicas({ params })).items.length === 0)
    const startMs = Math.round(USUAL_START_MS * Math.exp(0.5 * (chance() + chance() - 1)))
    await client.updateEndpoint({ params, body: { model: { image: image(startMs) } } })
    const { told, tookMs } = await deferredWake(berth)
    if (run >= SEEN_BEFORE && told && tookMs >= told[0] && tookMs <= told[1]) inside++
  }
  return [atLeast('starts inside the time that was told', (100 * inside) / SCRIPTED_WAKES, '%', 80)]
}

async function deferredWake({ url, token }: Berth) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const asked = await fetch(`${url}/e/admin/scripted/v1/chat/completions`, {
    method: 'POST',
    headers: { ...headers, prefer: 'respond-async' },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'hello' }] }),
  })
  if (asked.status !== 202) throw new Error(`it was not deferred: ${asked.status} ${await asked.text()}`)
  const pending = (await asked.json()) as { status_url: string; etaRangeMs?: readonly [number, number] }
  for (;;) {
    const answer = await fetch(`${url}${pending.status_url}`, { headers })
    await answer.text()
    if (answer.headers.get('x-berth-deferred') === 'done') {
      const held = /hold;dur=([\d.]+)/.exec(answer.headers.get('server-timing') ?? '')?.[1]
      if (answer.status !== 200 || !held) throw new Error(`the wake failed: ${answer.status}`)
      return { told: pending.etaRangeMs, tookMs: Number(held) }
    }
    await pause(POLL_MS)
  }
}

async function startLlamaSwap(home: string) {
  const program = process.env['LLAMA_SWAP'] ?? 'llama-swap'
  if (spawnSync(program, ['--version'], { stdio: 'ignore' }).error) {
    console.log('Skipped: no llama-swap here. LLAMA_SWAP may say where it is.')
    return undefined
  }
  const config = path.join(home, 'llama-swap.yaml')
  const cache = `NODE_COMPILE_CACHE=${path.join(home, 'cache', 'compiled')}`
  const command = `${[process.execPath, ...ENGINE_ARGS].join(' ')} --host 127.0.0.1 --port \${PORT}`
  writeFileSync(
    config,
    `models:\n  guide:\n    cmd: ${command}\n    env: ["${cache}"]\n    checkEndpoint: /health\n`,
  )
  const port = await freePort()
  const child: ChildProcess = spawn(program, ['--config', config, '--listen', `127.0.0.1:${port}`], {
    stdio: 'ignore',
  })
  const url = `http://127.0.0.1:${port}`
  await soon(
    () =>
      fetch(`${url}/v1/models`).then(
        ({ ok }) => ok,
        () => false,
      ),
    20,
  )
  return {
    /** @returns milliseconds until the whole answer. */
    wake: async () => {
      await fetch(`${url}/unload`)
      const sentAt = now()
      const answer = await fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'guide',
          messages: [{ role: 'user', content: 'What is a replica?' }],
          temperature: 0,
        }),
      })
      await answer.text()
      if (answer.status !== 200) throw new Error(`llama-swap answered ${answer.status}`)
      return now() - sentAt
    },
    stop: () => void child.kill('SIGTERM'),
  }
}
