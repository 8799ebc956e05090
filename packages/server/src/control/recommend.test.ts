import type { RecommendedQuery } from '@berth/contract'
import { describe, expect, test } from 'vitest'
import type { ModelStore, WeighedModel } from '../artifacts/model-store.ts'
import type { InstanceType } from '../domain/instance-type.ts'
import type { RuntimeKind } from '../engines/engine.ts'
import { chooseEngine, createEngines, everyEngine, repositoryContents } from '../engines/engines.ts'
import { recommend } from './recommend.ts'
import type { ControlRooms } from './rooms.ts'

const GIB = 2 ** 30

/** As published: Llama 3.1 8B, in one shape for both kinds of file. */
const llamaConfig = {
  architectures: ['LlamaForCausalLM'],
  hidden_size: 4_096,
  num_attention_heads: 32,
  num_hidden_layers: 32,
  num_key_value_heads: 8,
  max_position_embeddings: 131_072,
  vocab_size: 128_256,
}
const llamaGguf = {
  'general.architecture': 'llama',
  'llama.block_count': 32,
  'llama.embedding_length': 4_096,
  'llama.attention.head_count': 32,
  'llama.attention.head_count_kv': 8,
  'llama.context_length': 131_072,
  'llama.vocab_size': 128_256,
}
const PARAMETERS_8B = 8_030_261_248

type Repository = {
  readonly files: Readonly<Record<string, number>>
  readonly task?: string
  readonly library?: string
  readonly baseModel?: string
  readonly config?: object
  /** Of a GGUF repository: its metadata, whatever file is chosen. */
  readonly gguf?: Readonly<Record<string, unknown>>
  readonly parameters?: number
  readonly dtype?: string
}

const REPOSITORIES: Readonly<Record<string, Repository>> = {
  'acme/chat-8b-gguf': {
    files: {
      'chat-8b-Q2_K.gguf': 3_179_131_520,
      'chat-8b-Q4_K_M.gguf': 4_920_734_272,
      'chat-8b-Q8_0.gguf': 8_540_770_880,
      'chat-8b-f16-00001-of-00002.gguf': 9_000_000_000,
      'chat-8b-f16-00002-of-00002.gguf': 7_060_522_496,
      'README.md': 1_000,
    },
    library: 'gguf',
    gguf: llamaGguf,
    parameters: PARAMETERS_8B,
  },
  'acme/chat-8b': {
    files: {
      'config.json': 900,
      'generation_config.json': 100,
      'model.safetensors.index.json': 20_000,
      'model-00001-of-00002.safetensors': 9_000_000_000,
      'model-00002-of-00002.safetensors': 7_060_522_496,
      'original/consolidated.00.pth': 16_060_617_592,
    },
    task: 'text-generation',
    library: 'transformers',
    config: llamaConfig,
    parameters: PARAMETERS_8B,
    dtype: 'BF16',
  },
  'acme/embedder': {
    files: {
      'config.json': 600,
      'modules.json': 300,
      'onnx/model.onnx': 90_405_214,
      'onnx/model_quantized.onnx': 23_026_053,
      'tokenizer.json': 466_247,
    },
    task: 'sentence-similarity',
    library: 'sentence-transformers',
    config: {
      architectures: ['BertModel'],
      hidden_size: 384,
      num_attention_heads: 12,
      num_hidden_layers: 6,
      max_position_embeddings: 512,
      vocab_size: 30_522,
    },
  },
  'acme/embedder-gguf': {
    files: { 'embedder.f16.gguf': 45_000_000 },
    gguf: {
      'general.architecture': 'bert',
      'bert.block_count': 6,
      'bert.embedding_length': 384,
      'bert.attention.head_count': 12,
      'bert.attention.causal': false,
      'bert.context_length': 512,
      'bert.vocab_size': 30_522,
    },
    parameters: 22_000_000,
  },
  'acme/adapter': {
    files: { 'adapter_config.json': 700, 'adapter_model.safetensors': 40_000_000 },
    library: 'peft',
    baseModel: 'acme/llama-8b',
  },
  'acme/handled': {
    files: {
      'config.json': 900,
      'handler.py': 2_000,
      'requirements.txt': 40,
      'model.safetensors': 500_000_000,
    },
    config: { architectures: ['BertForTokenClassification'] },
    parameters: 125_000_000,
    dtype: 'F32',
  },
  'acme/words': { files: { 'README.md': 100 } },
}

const models = {
  resolve: async ({ repository, revision }) => ({
    source: 'hub',
    repository,
    revision: revision ?? 'a'.repeat(40),
    files: Object.entries(REPOSITORIES[repository]!.files).map(([path, sizeBytes]) => ({ path, sizeBytes })),
  }),
  describe: async ({ repository }) => {
    const { task, library, config, baseModel } = REPOSITORIES[repository]!
    return { task, library, config, ...(baseModel && { baseModel }) }
  },
  weigh: async ({ repository, files }): Promise<WeighedModel | undefined> => {
    const { gguf, parameters, dtype } = REPOSITORIES[repository]!
    const weights = files.filter(({ path }) => /\.(?:gguf|safetensors|onnx)$/.test(path))
    if (weights.length === 0) return undefined
    return { bytes: weights.reduce((sum, file) => sum + file.sizeBytes, 0), parameters, dtype, gguf }
  },
} satisfies Pick<ModelStore, 'resolve' | 'describe' | 'weigh'>

function type(instanceType: string, size: number, changes: Partial<InstanceType>): InstanceType {
  return {
    id: `local-default-${instanceType}-x${size}`,
    vendor: 'local',
    region: 'default',
    accelerator: 'cpu',
    instanceType,
    instanceSize: `x${size}`,
    architecture: 'A processor',
    cpus: size,
    memoryBytes: size * 2 * GIB,
    gpus: 0,
    gpuMemoryBytes: 0,
    pricePerHour: 0,
    ...changes,
  }
}

const gpus = (size: number) =>
  type('nvidia-l4', size, {
    accelerator: 'gpu',
    gpus: size,
    gpuMemoryBytes: size * 24 * GIB,
    memoryBytes: size * 30 * GIB,
  })
const LAPTOP = [1, 2, 4, 8].map((size) => type('cpu', size, {}))
const GPU_MACHINE = [...LAPTOP, gpus(1), gpus(2)]

function roomsWith(instanceTypes: readonly InstanceType[], runtimes: readonly RuntimeKind[]): ControlRooms {
  const engines = createEngines({ server: undefined, compileCacheDirectory: undefined, runtimes })
  const total = { cpus: 16, memoryBytes: 64 * GIB, gpus: 2 }
  const parts: Partial<Record<keyof ControlRooms, unknown>> &
    Pick<ControlRooms, 'chooseEngine' | 'chooseAnyEngine'> = {
    models,
    store: { endpoints: { list: async () => [] } },
    hubToken: undefined,
    driver: { capacity: async () => ({ instanceTypes, total, notices: [] }), list: async () => [] },
    chooseEngine: (image, model, wish) => chooseEngine(engines, image, model, wish),
    chooseAnyEngine: (image, model, wish) => chooseEngine(everyEngine(), image, model, wish),
    contents: repositoryContents,
  }
  return parts as unknown as ControlRooms
}

const laptop = roomsWith(LAPTOP, ['process'])
const gpuMachine = roomsWith(GPU_MACHINE, ['process', 'container'])

const onLaptop = (repository: string, more: Partial<RecommendedQuery> = {}) =>
  recommend(laptop, { repository, ...more })
const onGpus = (repository: string, more: Partial<RecommendedQuery> = {}) =>
  recommend(gpuMachine, { repository, ...more })

describe('on a laptop without containers', () => {
  test('a model in many quantisations is served in Q4_K_M, on the smallest instance that holds it', async () => {
    const advice = await onLaptop('acme/chat-8b-gguf')
    expect(advice).toMatchObject({
      model: { task: 'text-generation', library: 'gguf', parameters: PARAMETERS_8B, dtype: 'Q4_K_M' },
      engine: { name: 'llamacpp', available: true },
      context: 2_048,
      concurrency: 4,
      suggestedCompute: 'local-default-cpu-x4',
      endpoint: {
        name: 'chat-8b-gguf',
        provider: { vendor: 'local', region: 'default' },
        compute: { accelerator: 'cpu', instanceType: 'cpu', instanceSize: 'x4' },
        model: {
          repository: 'acme/chat-8b-gguf',
          revision: 'a'.repeat(40),
          framework: 'llamacpp',
          task: 'text-generation',
          image: { llamacpp: { modelPath: 'chat-8b-Q4_K_M.gguf', nParallel: 4, ctxSize: 8_192 } },
        },
      },
    })
    expect(advice.model.kvBytesPerToken).toBe(131_072)
    expect(advice.files.map(({ quantisation, chosen }) => [quantisation, chosen])).toEqual([
      ['Q2_K', false],
      ['Q4_K_M', true],
      ['Q8_0', false],
      ['F16', false],
    ])
    const [small] = advice.instances
    expect(small).toMatchObject({ instanceSize: 'x1', fits: false, estimate: { kvBytes: GIB } })
    expect(small?.spareBytes).toBeLessThan(-3 * GIB)
    expect(small?.changes.map(({ kind }) => kind)).toEqual(['memory'])
    expect(small?.message).toMatch(/^It does not fit: 6 GiB needed .*4 GiB too much\. One of these/)
  })

  test('a longer context and more requests need more memory, and the settings say so', async () => {
    const advice = await onLaptop('acme/chat-8b-gguf', { context: 16_384, concurrency: 3, file: 'Q2_K' })
    expect(advice).toMatchObject({
      context: 16_384,
      concurrency: 3,
      suggestedCompute: 'local-default-cpu-x8',
      endpoint: {
        model: { image: { llamacpp: { modelPath: 'chat-8b-Q2_K.gguf', nParallel: 3, ctxSize: 49_152 } } },
      },
    })
    const middle = advice.instances.find(({ instanceSize }) => instanceSize === 'x4')
    expect(middle).toMatchObject({ fits: false, estimate: { kvBytes: 6 * GIB } })
    expect(middle?.changes).toEqual(
      expect.arrayContaining([
        { kind: 'context', value: 12_544, message: 'at most 12544 tokens of context' },
        { kind: 'concurrency', value: 2, message: 'at most 2 requests at a time' },
      ]),
    )
  })

  test('every part of a split file counts', async () => {
    const advice = await onLaptop('acme/chat-8b-gguf', { file: 'F16' })
    expect(advice.model).toMatchObject({ weightBytes: 16_060_522_496, dtype: 'F16' })
    expect(advice).toMatchObject({ suggestedCompute: null, endpoint: null })
    expect(advice.notes).toContain('It fits none of the instance types that there are here.')
  })

  test('an embedding model in GGUF is started for embeddings, and keeps nothing of what it reads', async () => {
    expect(await onLaptop('acme/embedder-gguf')).toMatchObject({
      model: { task: 'feature-extraction', kvBytesPerToken: 0, maxContext: 512 },
      context: 512,
      suggestedCompute: 'local-default-cpu-x1',
      endpoint: { model: { image: { llamacpp: { mode: 'embeddings', nParallel: 4 } } } },
    })
  })

  test('weights for other engines name the engine, and what it would need', async () => {
    expect(await onLaptop('acme/chat-8b')).toMatchObject({
      engine: { name: 'toolkit', available: false, reason: expect.stringContaining('--runtime docker') },
      endpoint: null,
    })
  })
})

describe('on a machine with GPUs and containers', () => {
  test('sharded safetensors go to vLLM on one GPU, with room for the asked context', async () => {
    expect(await onGpus('acme/chat-8b', { context: 16_384, concurrency: 2 })).toMatchObject({
      model: { dtype: 'BF16', maxContext: 131_072, weightBytes: 16_060_522_496 },
      engine: { name: 'vllm', available: true, reason: 'vllm serves a model for text-generation on GPUs.' },
      suggestedCompute: 'local-default-nvidia-l4-x1',
      endpoint: { model: { image: { vLLM: {} }, args: ['--max-model-len', '16384'] } },
    })
  })

  test('left alone, the whole context of the model needs both GPUs', async () => {
    const advice = await onGpus('acme/chat-8b')
    expect(advice).toMatchObject({ context: 131_072, suggestedCompute: 'local-default-nvidia-l4-x2' })
    const one = advice.instances.find(({ id }) => id === 'local-default-nvidia-l4-x1')
    expect(one?.changes).toEqual(
      expect.arrayContaining([
        { kind: 'context', value: 36_864, message: 'at most 36864 tokens of context' },
        { kind: 'devices', value: 2, message: '2 devices of this kind' },
      ]),
    )
  })

  test('a named instance type is judged alone', async () => {
    const advice = await onGpus('acme/chat-8b', { instance: 'nvidia-l4/x2' })
    expect(advice.instances.map(({ id }) => id)).toEqual(['local-default-nvidia-l4-x2'])
    await expect(onGpus('acme/chat-8b', { instance: 'nvidia-l4/x3' })).rejects.toThrow(
      'There is no instance type "nvidia-l4/x3" here. There is: cpu/x1, cpu/x2',
    )
  })

  test('an encoder with an ONNX export goes to TEI on a processor', async () => {
    expect(await onGpus('acme/embedder')).toMatchObject({
      model: { task: 'sentence-similarity', library: 'sentence-transformers', kvBytesPerToken: 0 },
      engine: { name: 'tei', available: true },
      suggestedCompute: 'local-default-cpu-x1',
      endpoint: { model: { image: { tei: {} } } },
    })
  })

  test('a handler of the repository is named with what it installs', async () => {
    const advice = await onGpus('acme/handled')
    expect(advice).toMatchObject({
      model: { task: 'custom', handler: 'handler.py', requirements: 'requirements.txt' },
      engine: { name: 'toolkit' },
      endpoint: { model: { image: { huggingface: {} } } },
    })
    expect(advice.notes.slice(0, 2)).toEqual([
      "The repository's own handler.py would run: read it before you trust it.",
      'What requirements.txt names would be installed at every start.',
    ])
  })

  test('an adapter is told which model to deploy with it', async () => {
    expect((await onGpus('acme/adapter')).notes).toEqual([
      'It is an adapter for acme/llama-8b. Deploy that model with it: berth deploy acme/llama-8b --adapter NAME=acme/adapter, and call it as "namespace/endpoint:NAME".',
    ])
  })

  test.for([
    ['acme/adapter', 'is an adapter'],
    ['acme/words', 'No engine can serve "acme/words"'],
  ])('%s is served by nothing, and every reason is told', async ([repository, words]) => {
    const advice = await onGpus(repository!)
    expect(advice).toMatchObject({ engine: null, endpoint: null, suggestedCompute: null })
    expect(advice.refusals.map(({ reason }) => reason).join(' ')).toContain(words)
  })
})
