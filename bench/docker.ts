/**
 * How long a container takes to its first token through Berth, beside the same image started by hand in the same run:
 * image and weights are there in both cases.
 *
 * By hand is what `docker run` does (create, start, a port on loopback), and a client that asks the health route every
 * 10 ms and then for one token. Through Berth it is one request to an endpoint that sleeps and has come to rest.
 *
 *     .ci/with-docker.sh .ci/with-images.sh npm run bench:docker
 */
import path from 'node:path'
import Docker from 'dockerode'
import { LABEL } from '../packages/server/src/runtime/docker/container-labels.ts'
import { type Berth, newHome, removeHome, startBerth, until } from './berth.ts'
import { atMost, median, plain, type Row, report } from './report.ts'

const RUNS = 15
const ASK_EVERY_MS = 10
const PORT = 8_080
const TOKEN = /^data: .*"content":"[^"]/m
const GUIDE = path.resolve(import.meta.dirname, '../packages/llama/assets')
const QUESTION = JSON.stringify({
  messages: [{ role: 'user', content: 'What is a replica?' }],
  temperature: 0,
  max_tokens: 8,
  stream: true,
})
const params = { namespace: 'admin', name: 'boxed' }
const place = {
  provider: { vendor: 'local', region: 'default' },
  compute: { accelerator: 'cpu', instanceType: 'cpu', instanceSize: 'x1' },
} as const

const socketPath = process.env['BERTH_TEST_DOCKER_SOCKET'] ?? '/var/run/docker.sock'
process.env['DOCKER_HOST'] = `unix://${socketPath}`
process.env['BERTH_RUNTIME'] = 'docker'
const docker = new Docker({ socketPath })

/** What each engine's image is started with, as its launch plan has it. */
const ENGINES = {
  'llama.cpp': {
    image: { llamacpp: { url: 'localhost/berth/llamacpp:0.1.0', nParallel: 1, ctxSize: 2_048 } },
    url: 'localhost/berth/llamacpp:0.1.0',
    command: [
      ...['/app/llama-server', '-m', '/repository/guide.gguf', '--host', '0.0.0.0', '--port', String(PORT)],
      ...['-c', '2048', '-np', '1', '-t', '1', '--n-gpu-layers', '0'],
      ...['--no-webui', '--metrics', '--jinja', '--offline'],
    ],
  },
  echo: {
    image: { echo: {} },
    url: 'localhost/berth/echo:0.1.0',
    command: ['node', '/berth/echo-main.ts', '--host', '0.0.0.0', '--port', String(PORT)],
  },
} as const

const home = newHome()
const rows: Row[] = []
const berth = await startBerth(home)
try {
  for (const [name, engine] of Object.entries(ENGINES)) {
    await deploy(berth, engine.image)
    await wake(berth)
    const byHand: number[] = []
    const wakes: number[] = []
    for (let run = 0; run < RUNS; run++) {
      byHand.push(await runByHand(engine))
      wakes.push(await wake(berth))
    }
    await berth.client.deleteEndpoint({ params })
    const [hand, whole] = [median(byHand), median(wakes)]
    rows.push(plain(`${name}: by hand, create → first token`, hand, 'ms'))
    rows.push(plain(`${name}: asleep, request → first token`, whole, 'ms'))
    rows.push(atMost(`${name}: Berth ÷ by hand`, whole / hand, '×', 1.15))
  }
} finally {
  await berth.stop()
  removeHome(home)
}
report('First token from a container, image and weights present', rows)

async function deploy(
  { client }: Berth,
  image: (typeof ENGINES)[keyof typeof ENGINES]['image'],
): Promise<void> {
  const compute = { ...place.compute, scaling: { minReplica: 0, maxReplica: 1, scaleToZeroTimeout: null } }
  await client.createEndpoint({
    params,
    body: {
      ...{ name: params.name, type: 'private', ...place, compute },
      model: { repository: 'berth/guide', framework: 'custom', image },
    },
  })
  const isRunning = async () => (await client.getEndpoint({ params })).status.state === 'running'
  await until('the endpoint to run', isRunning)
}

async function wake({ client, url, token }: Berth): Promise<number> {
  await client.scaleEndpointToZero({ params })
  await until('sleep', async () => (await client.listReplicas({ params })).items.length === 0)
  await until('its container to be gone, and the next one to wait', async () => {
    const filters = { label: ['berth.installation'] }
    const all = await docker.listContainers({ all: true, filters })
    const replicas = all.filter(({ Labels }) => !(LABEL.sandboxOf in Labels))
    return replicas.length === 1 && replicas[0]!.State === 'created'
  })
  const begun = performance.now()
  return firstToken(begun, `${url}/e/admin/${params.name}`, { authorization: `Bearer ${token}` })
}

async function runByHand({ url, command }: (typeof ENGINES)[keyof typeof ENGINES]): Promise<number> {
  const [program, ...args] = command
  const begun = performance.now()
  const container = await docker.createContainer({
    Image: url,
    Entrypoint: [program!],
    Cmd: args,
    Env: ['OMP_WAIT_POLICY=passive'],
    ExposedPorts: { [`${PORT}/tcp`]: {} },
    HostConfig: {
      ...{ Memory: 2 ** 31, CpuPeriod: 100_000, CpuQuota: 100_000 },
      Binds: [`${GUIDE}:/repository:ro`],
      PortBindings: { [`${PORT}/tcp`]: [{ HostIp: '127.0.0.1', HostPort: '0' }] },
    },
  })
  try {
    await container.start()
    const { NetworkSettings } = await container.inspect()
    const at = `http://127.0.0.1:${NetworkSettings.Ports[`${PORT}/tcp`]![0]!.HostPort}`
    for (;;) {
      const health = await fetch(`${at}/health`, { signal: AbortSignal.timeout(1_000) }).catch(
        () => undefined,
      )
      if (health?.ok) break
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS))
    }
    return await firstToken(begun, at, {})
  } finally {
    await container.remove({ force: true, v: true })
  }
}

async function firstToken(begun: number, at: string, headers: Record<string, string>): Promise<number> {
  const answer = await fetch(`${at}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: QUESTION,
  })
  if (!answer.ok) throw new Error(`${at} answered ${answer.status}: ${await answer.text()}`)
  // Not the first byte: a gateway that holds a request says in comments that it is still there.
  let text = ''
  for await (const piece of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += piece
    if (TOKEN.test(text)) return performance.now() - begun
  }
  throw new Error(`${at} ended without a token: ${text}`)
}
