/**
 * What a plan says that a model needs, beside what the engine then holds: random models of known shapes, deployed
 * exactly as the recommendation proposes them.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Endpoint, RecommendedQuery } from '@berth/contract'
import { findOnnxProgram } from '../packages/server/src/engines/onnx-program.ts'
import { type ModelShape, PRESETS, writeRandomModel } from '../tools/gguf/random-model.ts'
import { SPECIAL_TOKENS } from '../tools/onnx/bert-model.ts'
import { writeRandomBert } from '../tools/onnx/random-bert.ts'
import { newHome, portIn, removeHome, startBerth, until } from './berth.ts'
import { atMost, plain, type Row, report } from './report.ts'

const MIB = 2 ** 20
const params = { namespace: 'admin' }

/** Of one to three hundred MiB, in the types in which a file is mapped and in which it is not. */
const MODELS: Readonly<Record<string, { shape: ModelShape; context: number; concurrency: number }>> = {
  'small q8_0, 4 × 2048': { shape: PRESETS.small, context: 2_048, concurrency: 4 },
  'small q8_0, 2 × 8192': {
    shape: { ...PRESETS.small, contextTokens: 8_192 },
    context: 8_192,
    concurrency: 2,
  },
  'small f16, 4 × 2048': { shape: { ...PRESETS.small, type: 'f16' }, context: 2_048, concurrency: 4 },
  'tiny f16, 4 × 2048': { shape: PRESETS.tiny, context: 2_048, concurrency: 4 },
}

/** What a first batch took is not used again by the second, and from the third on nothing grows. */
const BATCHES_UNTIL_STEADY = 3
/** A full batch of an encoder. */
const TEXTS_AT_ONCE = 8
const TOKENS_OF_A_TEXT = 512
const encoderVocabulary = [
  ...SPECIAL_TOKENS,
  'cat',
  ...Array.from({ length: 20_000 }, (_, at) => `word${at}`),
]

/** Where the toolkit is installed. */
const ENCODERS: Readonly<Record<string, Parameters<typeof writeRandomBert>[2]>> = {
  'encoder 2 × 64': {
    ...{ size: 64, layers: 2, heads: 4, innerSize: 256, positions: TOKENS_OF_A_TEXT },
    vocabulary: encoderVocabulary,
  },
  'encoder 6 × 384': {
    ...{ size: 384, layers: 6, heads: 12, innerSize: 1_536, positions: TOKENS_OF_A_TEXT },
    vocabulary: encoderVocabulary,
  },
}

const home = newHome()
const rows: Row[] = []
try {
  mkdirSync(path.join(home, 'models'), { recursive: true })
  const berth = await startBerth(home)
  if (findOnnxProgram() !== undefined)
    for (const [name, shape] of Object.entries(ENCODERS)) await encoder(name, shape)
  for (const [name, { shape, context, concurrency }] of Object.entries(MODELS)) {
    const directory = path.join(home, 'models', name.replaceAll(/[^a-z0-9]+/g, '-'))
    mkdirSync(directory)
    writeRandomModel(path.join(directory, 'model.gguf'), shape, 'bench', 1)
    await compare(name, { repository: `file:${directory}`, context, concurrency }, (model) =>
      Promise.all(Array.from({ length: concurrency }, (_, at) => complete(model, at))),
    )
  }
  await berth.stop()

  async function encoder(name: string, shape: Parameters<typeof writeRandomBert>[2]): Promise<void> {
    const directory = path.join(home, 'models', name.replaceAll(/[^a-z0-9]+/g, '-'))
    writeRandomBert(directory, { kind: 'none' }, shape)
    const input = Array(TEXTS_AT_ONCE).fill('cat '.repeat(TOKENS_OF_A_TEXT - 2))
    await compare(name, { repository: `file:${directory}` }, async (model) => {
      for (let batch = 0; batch < BATCHES_UNTIL_STEADY; batch++) await ask('embeddings', { model, input })
    })
  }

  async function compare(
    name: string,
    query: RecommendedQuery,
    use: (model: string) => Promise<unknown>,
  ): Promise<void> {
    const { endpoint, instances, suggestedCompute } = await berth.client.recommendConfiguration({
      params,
      query,
    })
    const estimate = instances.find(({ id }) => id === suggestedCompute)?.estimate
    if (!endpoint || !estimate) throw new Error(`${name}: nothing was recommended`)
    const held = await heldBy(endpoint, use)
    rows.push(plain(`${name}: estimate`, estimate.totalBytes / MIB, 'MiB'))
    rows.push(plain(`${name}: resident`, held / MIB, 'MiB'))
    rows.push(atMost(`${name}: off by`, Math.abs(estimate.totalBytes / held - 1) * 100, '%', 10))
  }

  async function heldBy(endpoint: Endpoint, use: (model: string) => Promise<unknown>): Promise<number> {
    const name = { ...params, name: endpoint.name }
    await berth.client.createEndpoint({ params, body: endpoint })
    await until(
      'running',
      async () => (await berth.client.getEndpoint({ params: name })).status.state === 'running',
    )
    const { items } = await berth.client.listReplicas({ params: name })
    await use(`admin/${endpoint.name}`)
    const held = residentBytes(items[0]!.id)
    await berth.client.deleteEndpoint({ params: name })
    return held
  }

  async function complete(model: string, at: number): Promise<void> {
    await ask('completions', { model, prompt: `${at} ${'ba ce di fo '.repeat(60)}`, max_tokens: 4 })
  }

  async function ask(route: string, body: object): Promise<void> {
    const answer = await fetch(`${berth.url}/v1/${route}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${berth.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`)
    await answer.text()
  }
} finally {
  removeHome(home)
}
report('Memory: the plan beside the engine', rows)

/** The engine of a replica, found by the port that its record names. */
function residentBytes(replica: string): number {
  const { port } = portIn(path.join(home, 'run', 'replicas', replica, 'record.json'))
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const own = pids.find((pid) => readOr(`/proc/${pid}/cmdline`).split('\0').includes(String(port)))
  if (!own) throw new Error(`no engine listens on ${port}`)
  return Number(/VmRSS:\s+(\d+)/.exec(readOr(`/proc/${own}/status`))?.[1] ?? 0) * 1_024
}

function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
