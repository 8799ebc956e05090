import { Image } from '@berth/contract'
import { describe, expect, test } from 'vitest'
import { createCustom } from './custom.ts'
import type { Engine, LaunchRequest, ModelFacts } from './engine.ts'
import { IMAGES } from './images.ts'
import { createLlamacpp } from './llamacpp.ts'
import { createSglang } from './sglang.ts'
import { createTei } from './tei.ts'
import { createTgi } from './tgi.ts'
import { createToolkit, customHandlerOf } from './toolkit.ts'
import { createVllm } from './vllm.ts'

const GIB = 2 ** 30
const model = (...paths: string[]): ModelFacts => ({
  repository: 'acme/model',
  files: paths.map((path) => ({ path, sizeBytes: 1_000 })),
})
const chat = model('config.json', 'generation_config.json', 'tokenizer.json', 'model.safetensors')

type Given = Partial<Omit<LaunchRequest, 'image' | 'resources'>> & {
  readonly resources?: Partial<LaunchRequest['resources']>
  readonly gpus?: number
  readonly on?: ModelFacts
}

/** As the server does it: the contract's shape, resolved against the repository, then launched. */
function launch(engine: Engine, image: Image, { gpus = 1, on = chat, resources, ...request }: Given = {}) {
  return engine.launch({
    image: engine.resolve(on, Image.parse(image)).image,
    servedName: 'acme/model',
    resources: { cpus: 8, memoryBytes: 64 * GIB, gpus, ...resources },
    command: [],
    args: [],
    apiKey: 'secret',
    ...request,
  })
}
const line = (...given: Parameters<typeof launch>) => launch(...given).command.join(' ')

const byVariant = {
  vLLM: createVllm(),
  sGLang: createSglang(),
  tgi: createTgi(),
  tei: createTei(),
} as const
const variants = Object.keys(byVariant) as (keyof typeof byVariant)[]

describe('what task calls become', () => {
  const tasks = (engine: Engine, more: { task?: string; args?: string[]; image?: Image } = {}) =>
    engine.tasks?.({ servedName: 'acme/model', image: {}, args: [], task: null, ...more })

  test.for<[what: string, engine: Engine, more: Parameters<typeof tasks>[1], serves: string]>([
    ['vLLM', byVariant.vLLM, {}, 'text'],
    ['vLLM with an embedding model', byVariant.vLLM, { task: 'feature-extraction' }, 'embeddings'],
    ['vLLM with a re-ranker', byVariant.vLLM, { task: 'text-ranking' }, 'ranking'],
    ['vLLM told to embed', byVariant.vLLM, { args: ['--convert', 'embed'] }, 'embeddings'],
    ['vLLM told to embed, as once', byVariant.vLLM, { args: ['--task=embed'] }, 'embeddings'],
    ['vLLM told to score', byVariant.vLLM, { args: ['--task', 'score'] }, 'ranking'],
    ['SGLang', byVariant.sGLang, {}, 'text'],
    ['SGLang told to embed', byVariant.sGLang, { args: ['--is-embedding'] }, 'embeddings'],
    ['TEI', byVariant.tei, {}, 'embeddings'],
  ])('%s', ([, engine, more, serves]) => {
    expect(tasks(engine, more)).toEqual({ engine: engine.name, servedName: 'acme/model', serves })
  })

  test('TGI answers them itself', () => {
    expect(tasks(byVariant.tgi)).toBeUndefined()
  })
})

describe('launch plans, as a whole', () => {
  test('vLLM', () => {
    expect(launch(byVariant.vLLM, { vLLM: {} })).toEqual({
      command:
        'vllm serve {model} --host {host} --port {port} --served-model-name acme/model model dummy tgi --enable-prompt-tokens-details --tensor-parallel-size 1'.split(
          ' ',
        ),
      image: IMAGES.vllm.gpu.image,
      env: { VLLM_API_KEY: 'secret', HF_HUB_OFFLINE: '1', VLLM_NO_USAGE_STATS: '1' },
      containerPort: 8_000,
      shmBytes: 16 * GIB,
    })
  })

  test('SGLang', () => {
    expect(launch(byVariant.sGLang, { sGLang: {} })).toEqual({
      command:
        'python3 -m sglang.launch_server --model-path {model} --served-model-name acme/model --host {host} --port {port} --enable-metrics --tensor-parallel-size 1 --api-key secret'.split(
          ' ',
        ),
      image: IMAGES.sglang.gpu.image,
      env: { HF_HUB_OFFLINE: '1' },
      containerPort: 30_000,
      shmBytes: 32 * GIB,
    })
  })

  test('TGI', () => {
    expect(launch(byVariant.tgi, { tgi: {} })).toEqual({
      command:
        '/tgi-entrypoint.sh --model-id {model} --hostname {host} --port {port} --usage-stats off --json-output'.split(
          ' ',
        ),
      image: 'ghcr.io/huggingface/text-generation-inference:3.3.5',
      env: { API_KEY: 'secret', HF_HUB_OFFLINE: '1' },
      containerPort: 8_080,
      shmBytes: GIB,
    })
  })

  test('TEI', () => {
    expect(launch(byVariant.tei, { tei: {} }, { gpus: 0 })).toEqual({
      command:
        'text-embeddings-router --json-output --model-id {model} --served-model-name acme/model --hostname {host} --port {port}'.split(
          ' ',
        ),
      image: 'ghcr.io/huggingface/text-embeddings-inference:cpu-1.9',
      env: { API_KEY: 'secret', HF_HUB_OFFLINE: '1' },
      containerPort: 8_080,
      shmBytes: 0,
    })
  })

  test('the toolkit', () => {
    const image = { huggingface: { env: { HF_TASK: 'text-classification' } } }
    expect(launch(createToolkit(), image, { gpus: 0 })).toEqual({
      command: ['bash', '-c', './entrypoint.sh'],
      image: IMAGES.toolkit.cpu.image,
      env: { HF_TASK: 'text-classification', HF_MODEL_DIR: '{model}', PORT: '{port}' },
      containerPort: 5_000,
      shmBytes: 0,
      writableRoot: true,
    })
  })

  test('a custom container', () => {
    const image = { custom: { url: 'registry/mine:1', port: 7_860, healthRoute: '/ready' } }
    expect(launch(createCustom(), image, { command: ['python', 'serve.py'], args: ['--fast'] })).toEqual({
      command: ['python', 'serve.py', '--fast'],
      image: 'registry/mine:1',
      env: {},
      containerPort: 7_860,
      shmBytes: GIB,
      writableRoot: true,
    })
  })

  test('llama.cpp, whose program in the image is the real one', () => {
    const engine = createLlamacpp({
      server: undefined,
      compileCacheDirectory: '/cache',
      runtime: 'container',
    })
    const settings = { llamacpp: { mode: 'reranking' } } as const
    const plan = launch(engine, settings, { on: model('chat-Q8_0.gguf'), gpus: 0 })
    expect(plan).toMatchObject({
      image: 'ghcr.io/ggml-org/llama.cpp:server',
      env: { LLAMA_API_KEY: 'secret', OMP_WAIT_POLICY: 'passive' },
      containerPort: 8_080,
    })
    expect(plan.command.join(' ')).toMatch(
      /^\/app\/llama-server -m \{model\}\/chat-Q8_0\.gguf --host \{host\} --port \{port\} .*--reranking/,
    )
    expect(launch(engine, { llamacpp: {} }, { on: model('chat-Q8_0.gguf') }).image).toBe(
      'ghcr.io/ggml-org/llama.cpp:server-cuda',
    )
  })
})

test('the image that leaves the choice to Berth becomes an explicit one, but for the toolkit, which is its default', () => {
  const explicit = Object.values(byVariant).map((engine) => engine.resolve(chat, { huggingface: {} }).image)
  expect(explicit).toEqual([{ vLLM: {} }, { sGLang: {} }, { tgi: {} }, { tei: {} }])
  expect(createToolkit().resolve(chat, { huggingface: {} }).image).toEqual({ huggingface: {} })
})

describe('settings become flags', () => {
  test.for<[Image, string]>([
    [{ vLLM: { maxNumSeqs: 64 } }, '--max-num-seqs 64'],
    [{ vLLM: { maxNumBatchedTokens: 8_192 } }, '--max-num-batched-tokens 8192'],
    [{ vLLM: { kvCacheDtype: 'fp8_e4m3' } }, '--kv-cache-dtype fp8_e4m3'],
    [{ sGLang: { chunkedPrefillSize: -1 } }, '--chunked-prefill-size -1'],
    [{ sGLang: { maxPrefillTokens: 16_384 } }, '--max-prefill-tokens 16384'],
    [{ sGLang: { maxRunningRequests: 32 } }, '--max-running-requests 32'],
    [{ sGLang: { kvCacheDtype: 'fp8_e5m2' } }, '--kv-cache-dtype fp8_e5m2'],
    [{ tgi: { maxInputLength: 1_000 } }, '--max-input-tokens 1000'],
    [{ tgi: { maxTotalTokens: 2_000 } }, '--max-total-tokens 2000'],
    [{ tgi: { maxBatchPrefillTokens: 4_096 } }, '--max-batch-prefill-tokens 4096'],
    [{ tgi: { maxBatchTotalTokens: 9_000 } }, '--max-batch-total-tokens 9000'],
    [{ tgi: { quantize: 'awq' } }, '--quantize awq'],
    [{ tgi: { disableCustomKernels: true } }, '--disable-custom-kernels'],
    [{ tei: { maxBatchTokens: 16_384 } }, '--max-batch-tokens 16384'],
    [{ tei: { maxConcurrentRequests: 512 } }, '--max-concurrent-requests 512'],
    [{ tei: { pooling: 'lastToken' } }, '--pooling last-token'],
  ])('%j', ([image, flags]) => {
    const variant = Object.keys(image)[0] as keyof typeof byVariant
    expect(`${line(byVariant[variant], image)} `).toContain(` ${flags} `)
  })

  test('what is null or left out is the engine’s own business', () => {
    expect(line(byVariant.tgi, { tgi: { quantize: null, disableCustomKernels: false } })).toBe(
      line(byVariant.tgi, { tgi: {} }),
    )
  })

  test.for(variants)('of %s: its image and port can be the user’s', (variant) => {
    const image = { [variant]: { url: 'mirror/engine:1', port: 9_000 } } as Image
    expect(launch(byVariant[variant], image)).toMatchObject({
      image: 'mirror/engine:1',
      containerPort: 9_000,
    })
  })
})

describe('several GPUs', () => {
  test('are all used, without being asked', () => {
    expect(line(byVariant.vLLM, { vLLM: {} }, { gpus: 4 })).toContain('--tensor-parallel-size 4')
    expect(line(byVariant.sGLang, { sGLang: {} }, { gpus: 2 })).toContain('--tensor-parallel-size 2')
    expect(line(byVariant.tgi, { tgi: {} }, { gpus: 2 })).toContain('--num-shard 2')
  })

  test('hold copies of the model side by side where that is asked', () => {
    expect(line(byVariant.vLLM, { vLLM: { dataParallelSize: 2 } }, { gpus: 8 })).toContain(
      '--tensor-parallel-size 4 --data-parallel-size 2',
    )
  })

  test('can be split further by arguments', () => {
    const args = ['--pipeline-parallel-size=2']
    expect(line(byVariant.vLLM, { vLLM: { tensorParallelSize: 2 } }, { gpus: 4, args })).toContain(
      '--tensor-parallel-size 2 --pipeline-parallel-size=2',
    )
  })

  test('are more than embeddings can use', () => {
    expect(() => launch(byVariant.tei, { tei: {} }, { gpus: 2 })).toThrow('Choose an instance with one GPU')
  })
})

describe('without a GPU', () => {
  test.for(['vLLM', 'sGLang', 'tgi'] as const)(
    '%s is refused unless the image was built for it',
    (variant) => {
      expect(() => launch(byVariant[variant], { [variant]: {} } as Image, { gpus: 0 })).toThrow(
        `Choose a GPU instance, or name an image that was built for it in model.image.${variant}.url`,
      )
      const own = { [variant]: { url: 'mine:cpu' } } as Image
      expect(launch(byVariant[variant], own, { gpus: 0 }).image).toBe('mine:cpu')
    },
  )
})

describe('vLLM on processors', () => {
  const own = { vLLM: { url: 'mine:cpu' } }
  const share = (memoryGib: number, cpus: number) =>
    launch(byVariant.vLLM, own, { gpus: 0, resources: { cpus, memoryBytes: memoryGib * GIB } }).env

  test.for<[memoryGib: number, cpus: number, cacheGib: string, threads: string]>([
    [2, 1, '1', '1'],
    [8, 2, '2', '2'],
    [30, 3.5, '7', '3'],
  ])(
    'takes of %i GiB and %s processors its share, and not the machine’s',
    ([memory, cpus, cache, threads]) => {
      expect(share(memory, cpus)).toMatchObject({
        VLLM_CPU_KVCACHE_SPACE: cache,
        VLLM_CPU_OMP_THREADS_BIND: 'nobind',
        OMP_NUM_THREADS: threads,
      })
    },
  )

  test('is told none of it on GPUs', () => {
    expect(launch(byVariant.vLLM, own).env).not.toHaveProperty('OMP_NUM_THREADS')
  })
})

describe('vLLM as a program of the machine', () => {
  const engine = createVllm({ program: '/opt/vllm/bin/vllm', cacheDirectory: '/cache' })
  const onMachine = (gpus: number) => launch(engine, { vLLM: {} }, { gpus })

  test.for([0, 2])('needs no image, with %i GPUs', (gpus) => {
    expect(engine.runtimes).toEqual(['process'])
    expect(onMachine(gpus).image).toBeUndefined()
    expect(onMachine(gpus).command.join(' ')).toMatch(
      RegExp(`^/opt/vllm/bin/vllm serve {model} .* --tensor-parallel-size ${Math.max(1, gpus)}$`),
    )
  })

  test('keeps what it has compiled for the next start, which a container cannot', () => {
    expect(onMachine(1).env).toMatchObject({ VLLM_CACHE_ROOT: '/cache' })
    expect(launch(byVariant.vLLM, { vLLM: {} }).env).not.toHaveProperty('VLLM_CACHE_ROOT')
  })
})

describe('the user’s own', () => {
  test.for(variants)('arguments come last for %s, so that they win', (variant) => {
    expect(line(byVariant[variant], { [variant]: {} } as Image, { args: ['--dtype', 'half'] })).toMatch(
      / --dtype half$/,
    )
  })

  test('command replaces ours as a whole', () => {
    const own = { command: ['/bin/mine'], args: ['--port', '{port}'] }
    expect(line(byVariant.vLLM, { vLLM: {} }, own)).toBe('/bin/mine --port {port}')
  })

  test.for<[keyof typeof byVariant, string]>([
    ['vLLM', '--served-model-name'],
    ['vLLM', '-tp'],
    ['sGLang', '--model-path'],
    ['tgi', '--num-shard'],
    ['tei', '--hostname=::'],
  ])('%s argument %s is refused when Berth sets it', ([variant, flag]) => {
    expect(() => launch(byVariant[variant], { [variant]: {} } as Image, { args: [flag, 'x'] })).toThrow(
      `argument ${flag.split('=')[0]} cannot be set`,
    )
  })
})

test('shared memory is never more than half of the replica’s memory, of which it is a part', () => {
  const resources = { cpus: 8, memoryBytes: 8 * GIB, gpus: 1 }
  const image = byVariant.vLLM.resolve(chat, { vLLM: {} }).image
  const request = { image, servedName: 'a/b', command: [], args: [], apiKey: 'k', resources }
  expect(byVariant.vLLM.launch(request).shmBytes).toBe(4 * GIB)
})

test.for([...variants.map((variant) => byVariant[variant]), createToolkit(), createCustom()])(
  'the time for a start grows with the weights for $name',
  ({ health }) => {
    expect(health.startTimeoutMs(0)).toBeGreaterThanOrEqual(300_000)
    expect(health.startTimeoutMs(100e9) - health.startTimeoutMs(0)).toBe(2_000_000)
  },
)

test('TGI refuses with a word on what took its place, since it is in maintenance', () => {
  expect(byVariant.tgi.refusal(model('chat.gguf'))).toMatch(/in maintenance.*model\.image\.vLLM/)
  expect(byVariant.tgi.refusal(chat)).toBeUndefined()
})

test('TEI takes an ONNX export where there are no other weights', () => {
  const exported = model('config.json', 'onnx/model.onnx')
  expect(byVariant.tei.refusal(exported)).toBeUndefined()
  expect(byVariant.vLLM.refusal(exported)).toContain('has none')
  expect(byVariant.tei.resolve(exported, { tei: {} }).files).toEqual(['config.json', 'onnx/model.onnx'])
})

describe('the toolkit refuses', () => {
  test.for<[string[], string]>([
    [['adapter_config.json', 'adapter_model.safetensors'], 'is an adapter'],
    [['model.safetensors'], 'has none of config.json, modules.json and model_index.json'],
    [['config.json', 'tf_model.h5'], 'reads safetensors and PyTorch weights'],
  ])('%j', ([paths, words]) => {
    expect(createToolkit().refusal(model(...paths))).toContain(words)
  })

  test('nothing that brings its own handler', () => {
    expect(createToolkit().refusal(model('handler.py', 'tf_model.h5'))).toBeUndefined()
  })
})

describe('contradictions that TGI would find after minutes', () => {
  test.for<[NonNullable<Image['tgi']>, string]>([
    [{ maxInputLength: 2_000, maxTotalTokens: 2_000 }, 'maxInputLength is 2000 and maxTotalTokens is 2000'],
    [{ maxInputLength: 5_000, maxBatchPrefillTokens: 4_999 }, 'maxBatchPrefillTokens'],
    [{ maxTotalTokens: 5_000, maxBatchTotalTokens: 4_999 }, 'maxBatchTotalTokens'],
  ])('%j', ([tgi, words]) => {
    expect(() => byVariant.tgi.resolve(chat, { tgi })).toThrow(words)
  })

  test('equal batch limits are none', () => {
    const tgi = {
      maxInputLength: 5,
      maxTotalTokens: 6,
      maxBatchPrefillTokens: 5,
      maxBatchTotalTokens: 6,
    }
    expect(byVariant.tgi.resolve(chat, { tgi }).image).toEqual({ tgi })
  })
})

test('a pooling that TEI does not know is refused with those that it knows', () => {
  expect(() => byVariant.tei.resolve(chat, { tei: { pooling: 'max' } })).toThrow(
    'knows cls, mean, splade, last-token',
  )
})

describe('the toolkit', () => {
  const handled = model('handler.py', 'requirements.txt', 'weights.dat', 'model.safetensors', 'model.onnx')

  test('names the custom handler and its requirements, and fetches all that it could read', () => {
    expect(customHandlerOf(handled)).toEqual({ handler: 'handler.py', requirements: 'requirements.txt' })
    expect(customHandlerOf(chat)).toBeUndefined()
    expect(createToolkit().resolve(handled, { huggingface: {} }).files).toHaveLength(5)
  })

  test('takes no arguments, which would be lost, and no variable that Berth sets', () => {
    expect(() => launch(createToolkit(), { huggingface: {} }, { args: ['--x'] })).toThrow('model.env')
    expect(() =>
      createToolkit().resolve(chat, { huggingface: { env: { HF_MODEL_ID: 'other/model' } } }),
    ).toThrow(expect.objectContaining({ field: 'model.image.huggingface.env.HF_MODEL_ID' }))
  })
})

describe('a custom container', () => {
  const engine = createCustom()

  test('needs an image', () => {
    expect(() => engine.resolve(chat, { custom: {} })).toThrow('model.image.custom.url is missing')
  })
  test('runs as the image says when nothing else is asked, on port 80', () => {
    expect(launch(engine, { custom: { url: 'a:1' } })).toMatchObject({ command: [], containerPort: 80 })
  })
  test('gets every file of the repository', () => {
    expect(engine.resolve(chat, { custom: { url: 'a:1' } }).files).toHaveLength(4)
  })
  test('is not given arguments without a command', () => {
    expect(() => launch(engine, { custom: { url: 'a:1' } }, { args: ['--x'] })).toThrow('model.command')
  })
})

test('every pinned image has its version in its tag or name, and says where and when it was seen', () => {
  const pinned = Object.values(IMAGES).flatMap(({ cpu, gpu }) =>
    [cpu, gpu].filter((one) => one !== undefined),
  )
  expect(pinned).toHaveLength(9)
  for (const { image, checkedOn, checkedIn } of pinned) {
    expect(image).toMatch(/:(?!latest)[\w.-]+$|\.transformers\.[\d-]+\.[\w.]+$/)
    expect(checkedOn).toMatch(/^\d{4}-\d{2}-\d{2}$/)
    expect(checkedIn).toContain('not verified against a registry')
  }
})
