import type { LlamacppImage } from '@berth/contract'
import { describe, expect, test } from 'vitest'
import type { LaunchRequest, ModelFacts } from './engine.ts'
import { createLlamacpp } from './llamacpp.ts'

const model: ModelFacts = {
  repository: 'acme/chat-GGUF',
  files: ['chat-Q4_K_M.gguf', 'chat-Q8_0.gguf', 'mmproj.gguf', 'draft.gguf'].map((path) => ({
    path,
    sizeBytes: 5_000_000,
  })),
}
const real = createLlamacpp({
  server: { path: '/opt/llama-server', version: '0.7.0' },
  compileCacheDirectory: undefined,
})
const embedded = createLlamacpp({ server: undefined, compileCacheDirectory: '/cache/node' })

function launch(
  engine: typeof real,
  settings: LlamacppImage = {},
  changes: Partial<LaunchRequest> & { readonly cpus?: number; readonly gpus?: number } = {},
) {
  const { cpus = 2, gpus = 0, ...rest } = changes
  return engine.launch({
    image: engine.resolve(model, { llamacpp: settings }).image,
    servedName: 'acme/chat',
    resources: { cpus, memoryBytes: 2 ** 31, gpus },
    command: [],
    args: [],
    apiKey: 'secret',
    ...rest,
  })
}
const line = (...given: Parameters<typeof launch>) => launch(...given).command.join(' ')

test('a real llama-server is told everything that its defaults would get wrong', () => {
  const { command, env } = launch(real)
  expect(command.join(' ')).toBe(
    '/opt/llama-server -m {model}/chat-Q4_K_M.gguf --host {host} --port {port} -c 8192 -np 4 -t 2 --alias acme/chat --n-gpu-layers 0 --no-webui --metrics --jinja --offline',
  )
  expect(env).toEqual({ LLAMA_API_KEY: 'secret', OMP_WAIT_POLICY: 'passive' })
})

test('without one, the embedded program runs on the Node that runs Berth', () => {
  const { command, env } = launch(embedded)
  expect(command[0]).toBe(process.execPath)
  expect(command[1]).toMatch(/llama-main\.ts$/)
  expect(command.slice(2).join(' ')).toBe(
    '-m {model}/chat-Q4_K_M.gguf --host {host} --port {port} -c 8192 -np 4 -t 2 --alias acme/chat --n-gpu-layers 0',
  )
  expect(env).toEqual({ LLAMA_API_KEY: 'secret', NODE_COMPILE_CACHE: '/cache/node' })
})

test.for([
  [undefined, 'text'],
  ['embeddings', 'embeddings'],
  ['reranking', 'ranking'],
] as const)('in mode %s task calls become requests for %s', ([mode, serves]) => {
  const image = { llamacpp: mode ? { mode } : {} }
  expect(embedded.tasks?.({ image, args: [], servedName: 'acme/chat', task: null })).toEqual({
    engine: 'llamacpp',
    servedName: 'acme/chat',
    serves,
  })
})

test('the key is never on the command line, where every user of the machine could read it', () => {
  for (const engine of [real, embedded]) expect(line(engine)).not.toContain('secret')
})

test.for([
  { cpus: 0.5, threads: 1 },
  { cpus: 1, threads: 1 },
  { cpus: 3.9, threads: 3 },
  { cpus: 16, threads: 16 },
])('$cpus CPUs are $threads threads', ({ cpus, threads }) => {
  expect(line(real, {}, { cpus })).toContain(` -t ${threads} `)
})

describe('GPU layers', () => {
  test('without a reserved GPU none is touched, whatever was asked', () => {
    expect(line(real, { nGpuLayers: 20 })).toContain('--n-gpu-layers 0')
  })
  test('with one, all layers or as many as asked are on it', () => {
    expect(line(real, {}, { gpus: 1 })).toContain('--n-gpu-layers 999')
    expect(line(real, { nGpuLayers: 20 }, { gpus: 1 })).toContain('--n-gpu-layers 20')
  })
})

describe('settings', () => {
  test('what was left open is filled in, and filling in again changes nothing', () => {
    const first = real.resolve(model, { llamacpp: { nParallel: 2 } })
    expect(first).toEqual({
      files: ['chat-Q4_K_M.gguf'],
      image: { llamacpp: { modelPath: 'chat-Q4_K_M.gguf', nParallel: 2, ctxSize: 4_096, mode: null } },
    })
    expect(real.resolve(model, first.image)).toEqual(first)
  })

  test('the image that leaves the choice to Berth becomes an explicit one', () => {
    expect(real.resolve(model, { huggingface: {} }).image).toHaveProperty('llamacpp.modelPath')
  })

  test('a context of 0, the model’s own, is kept', () => {
    expect(line(real, { ctxSize: 0 })).toContain(' -c 0 ')
  })

  test('embeddings and their batch are asked for in both spellings', () => {
    expect(line(real, { mode: 'embeddings' })).toMatch(/--embeddings .*--ubatch-size 2048/)
    expect(line(embedded, { embeddings: true })).toMatch(/--embeddings$/)
  })

  test('reranking, pooling, projector and draft model reach the real program, and their files are fetched', () => {
    const settings = {
      mode: 'reranking',
      pooling: 'rank',
      threadsHttp: 3,
      mmprojModelPath: '/repository/mmproj.gguf',
      specModelPath: 'draft.gguf',
    } as const
    expect(line(real, settings)).toMatch(
      /--reranking .*--pooling rank --threads-http 3 --mmproj \{model\}\/mmproj.gguf --model-draft \{model\}\/draft.gguf$/,
    )
    expect(real.resolve(model, { llamacpp: settings }).files).toEqual([
      'chat-Q4_K_M.gguf',
      'mmproj.gguf',
      'draft.gguf',
    ])
  })

  test.for<[string, LlamacppImage]>([
    ['mode "reranking"', { mode: 'reranking' }],
    ['pooling', { pooling: 'mean' }],
    ['mmprojModelPath', { mmprojModelPath: 'mmproj.gguf' }],
    ['specModelPath', { specModelPath: 'draft.gguf' }],
  ])('%s is refused by the embedded program, with the way out', ([name, settings]) => {
    expect(() => embedded.resolve(model, { llamacpp: settings })).toThrow(
      new RegExp(`^${name} needs a real llama-server.*BERTH_LLAMA_SERVER`),
    )
  })
})

test('the embedded program is not asked for more slots than it has', () => {
  expect(() => embedded.resolve(model, { llamacpp: { nParallel: 65 } })).toThrow('at most 64 requests')
  expect(line(real, { nParallel: 65 })).toContain('-np 65')
})

describe('the user’s own', () => {
  test('arguments come last, so that they win', () => {
    expect(line(real, {}, { args: ['-c', '100'] })).toMatch(/--offline -c 100$/)
  })
  test('command replaces ours as a whole, and the key is still in its environment', () => {
    const plan = launch(real, {}, { command: ['/bin/mine'], args: ['--port', '{port}'] })
    expect(plan.command).toEqual(['/bin/mine', '--port', '{port}'])
    expect(plan.env['LLAMA_API_KEY']).toBe('secret')
  })
  test.for(['-m', '--model', '--host', '--port', '--port=80', '--api-key'])(
    'argument %s is refused',
    (flag) => {
      expect(() => launch(real, {}, { args: [flag, 'x'] })).toThrow(
        `argument ${flag.split('=')[0]} cannot be set`,
      )
    },
  )
})

test('a repository without GGUF files is refused, and told where to look', () => {
  const facts = { repository: 'acme/chat', files: [{ path: 'model.safetensors', sizeBytes: 1 }] }
  expect(real.refusal(facts)).toMatch(/"acme\/chat" has none.*-GGUF/)
  expect(real.refusal(model)).toBeUndefined()
})

test('the time for a start grows with the weights', () => {
  expect(real.health.startTimeoutMs(0)).toBe(60_000)
  expect(real.health.startTimeoutMs(100e9)).toBeGreaterThan(3_600_000)
})
