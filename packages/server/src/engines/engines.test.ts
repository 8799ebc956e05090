import type { Image } from '@berth/contract'
import { describe, expect, test } from 'vitest'
import type { Engine, ModelFacts } from './engine.ts'
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
