import type { Image } from '@berth/contract'
import { describe, expect, test } from 'vitest'
import type { Engine, ModelFacts, RuntimeKind } from './engine.ts'
import { chooseEngine, createEngines } from './engines.ts'

const engines = createEngines({ server: undefined, compileCacheDirectory: undefined })
const gguf: ModelFacts = { repository: 'acme/chat', files: [{ path: 'chat.gguf', sizeBytes: 1 }] }
const safetensors: ModelFacts = {
  repository: 'acme/chat',
  files: [{ path: 'model.safetensors', sizeBytes: 1 }],
}
const chosen = (image: Image, model = gguf) => chooseEngine(engines, image, model).engine.name

test('a named variant gets its engine', () => {
  expect(chosen({ llamacpp: {} })).toBe('llamacpp')
  expect(chosen({ echo: {} }, safetensors)).toBe('echo')
})

test('left to Berth, the first engine without an objection is taken', () => {
  const picky: Engine = { ...engines[0]!, name: 'picky', refusal: () => 'It does not like it.' }
  expect(chooseEngine([picky, ...engines], { huggingface: {} }, gguf)).toEqual({
    engine: engines[0],
    refusals: [{ engine: 'picky', reason: 'It does not like it.' }],
  })
})

test('left to Berth, every objection is told, and the rehearsal engine is no way out', () => {
  const picky: Engine = { ...engines[0]!, name: 'picky', refusal: () => 'It does not like it.' }
  expect(() => chooseEngine([picky, ...engines], { huggingface: {} }, safetensors)).toThrow(
    /No engine can serve "acme\/chat"\. picky: It does not like it\. llamacpp: llama\.cpp reads GGUF files/,
  )
})

test('a named engine that cannot serve the model says why', () => {
  expect(() => chooseEngine(engines, { llamacpp: {} }, safetensors)).toThrow('"acme/chat" has none')
})

describe('a variant that this installation lacks', () => {
  test.for<[Image, string]>([
    [{ vLLM: { url: 'vllm/vllm-openai:v1' } }, 'Docker'],
    [{ tei: {} }, 'Docker'],
    [{ custom: {} }, 'Docker'],
    [{ tgiNeuron: {} }, 'Neuron'],
  ])('%j is refused with what it needs', ([image, need]) => {
    const variant = Object.keys(image)[0]
    expect(() => chooseEngine(engines, image, gguf)).toThrow(
      expect.objectContaining({
        code: 'invalid',
        field: `model.image.${variant}`,
        message: expect.stringMatching(
          new RegExp(`"${variant}" needs .*${need}.* Available here: llamacpp, huggingface, echo\\.`),
        ),
      }),
    )
  })
})

describe('with containers, left to Berth,', () => {
  const everywhere = createEngines({
    server: undefined,
    compileCacheDirectory: undefined,
    runtimes: ['process', 'container'],
  })
  const facts = (...paths: string[]): ModelFacts => ({
    repository: 'acme/model',
    files: paths.map((path) => ({ path, sizeBytes: 1 })),
  })
  const causal = ['config.json', 'generation_config.json', 'model.safetensors']
  const encoder = ['config.json', 'model.safetensors']

  test.for<{ model: string; files: string[]; task?: string; gpus?: number; engine: string }>([
    { model: 'GGUF files', files: ['chat.gguf', ...causal], gpus: 1, engine: 'llamacpp' },
    { model: 'a sentence transformer', files: ['modules.json', ...encoder], engine: 'tei' },
    { model: 'an encoder for embeddings', files: encoder, task: 'feature-extraction', engine: 'tei' },
    { model: 'a causal model on a GPU', files: causal, gpus: 1, engine: 'vllm' },
    { model: 'a causal model on a CPU', files: causal, gpus: 0, engine: 'toolkit' },
    { model: 'a classifier', files: encoder, task: 'text-classification', gpus: 1, engine: 'toolkit' },
    {
      model: 'a speech model',
      files: causal,
      task: 'automatic-speech-recognition',
      gpus: 1,
      engine: 'toolkit',
    },
    {
      model: 'a diffusion pipeline',
      files: ['model_index.json', 'unet/a.safetensors'],
      gpus: 1,
      engine: 'toolkit',
    },
    {
      model: 'a handler of its own',
      files: ['handler.py', 'modules.json', 'chat.gguf', ...causal],
      gpus: 1,
      engine: 'toolkit',
    },
  ])('$model is served by $engine', ({ files, task, gpus, engine }) => {
    const circumstances = { ...(task && { task }), ...(gpus === undefined ? {} : { gpus }) }
    expect(chooseEngine(everywhere, { huggingface: {} }, facts(...files), circumstances).engine.name).toBe(
      engine,
    )
  })

  test('every engine that was passed over says why', () => {
    const { refusals } = chooseEngine(everywhere, { huggingface: {} }, facts(...causal))
    expect(refusals.map(({ engine }) => engine)).toEqual(['llamacpp', 'tei', 'vllm'])
    expect(refusals.at(-1)?.reason).toContain('needs a GPU')
  })

  test('an adapter alone is served by none, with every reason', () => {
    expect(() =>
      chooseEngine(
        everywhere,
        { huggingface: {} },
        facts('adapter_config.json', 'adapter_model.safetensors'),
      ),
    ).toThrow(/llamacpp: .*tei: .*adapter.*vllm: .*toolkit: .*Deploy the model that it was trained on/)
  })

  test('who names an engine is not second-guessed', () => {
    expect(chooseEngine(everywhere, { tei: {} }, facts(...causal)).engine.name).toBe('tei')
    expect(chooseEngine(everywhere, { vLLM: {} }, facts('handler.py', ...causal)).engine.name).toBe('vllm')
  })
})

describe('what an installation can run', () => {
  const names = (runtimes?: readonly RuntimeKind[]) =>
    createEngines({ server: undefined, compileCacheDirectory: undefined, ...(runtimes && { runtimes }) }).map(
      ({ name }) => name,
    )

  test('decides which engines it has', () => {
    expect(names()).toEqual(['llamacpp', 'echo'])
    expect(names(['process'])).toEqual(names())
    expect(names(['container'])).toEqual([
      ...['llamacpp', 'tei', 'vllm', 'toolkit', 'sglang', 'tgi', 'custom', 'echo'],
    ])
    expect(names(['process', 'container'])).toEqual(names(['container']))
  })

  test('without processes, llama.cpp comes from its image', () => {
    const [llamacpp] = createEngines({
      server: { path: '/opt/llama-server', version: '1' },
      compileCacheDirectory: undefined,
      runtimes: ['container'],
    })
    expect(llamacpp?.runtimes).toEqual(['container'])
    const { image } = llamacpp!.resolve(gguf, { llamacpp: {} })
    const resources = { cpus: 1, memoryBytes: 2 ** 31, gpus: 0 }
    const plan = llamacpp!.launch({ image, servedName: 'a/b', resources, command: [], args: [], apiKey: 'k' })
    expect(plan.command[0]).toBe('/app/llama-server')
    expect(plan.image).toBe('ghcr.io/ggml-org/llama.cpp:server')
  })

  test('without processes, the rehearsal engine comes from an image that is built on the machine', () => {
    const contained = createEngines({
      server: undefined,
      compileCacheDirectory: '/cache',
      runtimes: ['container'],
    })
    const { engine } = chooseEngine(contained, { echo: {} }, gguf)
    const resources = { cpus: 1, memoryBytes: 2 ** 31, gpus: 0 }
    const request = { servedName: 'a/b', resources, command: [], args: [], apiKey: 'k' }
    const plan = engine.launch({ ...request, image: { echo: { exhaustAfterRequests: 2 } } })
    expect(plan.image).toBe('localhost/berth/echo:0.1.0')
    expect(plan.command.slice(0, 2)).toEqual(['node', '/berth/echo-main.ts'])
    expect(plan.command.slice(-2)).toEqual(['--exhaust-after-requests', '2'])
    expect(plan.env).toEqual({ ECHO_API_KEY: 'k' })
  })
})

test('vLLM runs as a process where the machine has its program, beside containers too', () => {
  const runtimesOfVllm = (runtimes: ('process' | 'container')[], vllmProgram?: string) =>
    createEngines({ server: undefined, compileCacheDirectory: undefined, runtimes, vllmProgram }).find(
      ({ name }) => name === 'vllm',
    )?.runtimes
  expect(runtimesOfVllm(['process'])).toBeUndefined()
  expect(runtimesOfVllm(['process'], '/bin/vllm')).toEqual(['process'])
  expect(runtimesOfVllm(['container'], '/bin/vllm')).toEqual(['container'])
})

describe('the rehearsal engine', () => {
  const echo = engines.find((engine) => engine.name === 'echo')!
  const request = {
    servedName: 'acme/echo',
    resources: { cpus: 1, memoryBytes: 2 ** 31, gpus: 0 },
    command: [],
    args: [],
    apiKey: 'secret',
  }

  test('needs no files of any repository, and takes its script as flags', () => {
    expect(echo.resolve(safetensors, { echo: { startMs: 5 } })).toEqual({
      files: [],
      image: { echo: { startMs: 5 } },
    })
    const { command, env } = echo.launch({
      ...request,
      image: { echo: { startMs: 0, crashOnStart: 3, healthRoute: null } },
    })
    expect(command.slice(0, 1)).toEqual([process.execPath])
    expect(command.slice(2).join(' ')).toBe(
      '--host {host} --port {port} --alias acme/echo --start-ms 0 --crash-on-start 3',
    )
    expect(env).toEqual({ ECHO_API_KEY: 'secret' })
  })

  test('listens where Berth says', () => {
    expect(() => echo.launch({ ...request, image: { echo: {} }, args: ['--port', '1'] })).toThrow(
      '--port cannot be set',
    )
  })
})
