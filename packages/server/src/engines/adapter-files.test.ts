import { Image } from '@berth/contract'
import { describe, expect, test } from 'vitest'
import { createEcho } from './echo.ts'
import type { Engine, LaunchedAdapter, ModelFacts } from './engine.ts'
import { createEngines } from './engines.ts'
import { createLlamacpp } from './llamacpp.ts'
import { createSglang } from './sglang.ts'
import { createTgi } from './tgi.ts'
import { createVllm } from './vllm.ts'

const facts = (...paths: string[]): ModelFacts => ({
  repository: 'acme/model',
  files: paths.map((path) => ({ path, sizeBytes: 1 })),
})
const PEFT = facts('README.md', 'adapter_config.json', 'adapter_model.safetensors', 'optimizer.pt')
const adapter = (id: string, rank?: number): LaunchedAdapter => ({
  id,
  rank,
  path: `{adapter:${id}}`,
  files: ['lora.gguf'],
})
const line = (engine: Engine, image: Image, adapters: readonly LaunchedAdapter[], model: ModelFacts) =>
  engine
    .launch({
      image: engine.resolve(model, Image.parse(image)).image,
      servedName: 'acme/chat',
      resources: { cpus: 4, memoryBytes: 2 ** 34, gpus: 1 },
      adapters,
      command: [],
      args: [],
      apiKey: 'secret',
    })
    .command.join(' ')
const chat = facts('config.json', 'model.safetensors')
const two = [adapter('support-0123', 8), adapter('sales-4567', 24)]

const llamaServer = createLlamacpp({
  server: { path: '/opt/llama-server', version: '1' },
  compileCacheDirectory: undefined,
})

describe('launch plans', () => {
  test('vLLM takes all of them at once, at the smallest rank that it knows and that fits', () => {
    expect(line(createVllm(), { vLLM: {} }, two, chat)).toContain(
      '--enable-lora --max-loras 2 --max-lora-rank 32 --lora-modules support-0123={adapter:support-0123} sales-4567={adapter:sales-4567}',
    )
  })

  test('vLLM is left its own rank where no adapter says one', () => {
    expect(line(createVllm(), { vLLM: {} }, [adapter('a')], chat)).not.toContain('--max-lora-rank')
  })

  test('a rank that vLLM has no kernel for is refused', () => {
    expect(() => line(createVllm(), { vLLM: {} }, [adapter('a', 1_024)], chat)).toThrow('at most 512')
  })

  test('SGLang', () => {
    expect(line(createSglang(), { sGLang: {} }, two, chat)).toContain(
      '--enable-lora --lora-paths support-0123={adapter:support-0123} sales-4567={adapter:sales-4567}',
    )
  })

  test('TGI', () => {
    expect(line(createTgi(), { tgi: {} }, two, chat)).toContain(
      '--lora-adapters support-0123={adapter:support-0123},sales-4567={adapter:sales-4567}',
    )
  })

  test('llama-server applies none of them to who does not ask', () => {
    expect(line(llamaServer, { llamacpp: {} }, two, facts('m.gguf'))).toMatch(
      / --lora-scaled \{adapter:support-0123\}\/lora\.gguf:0,\{adapter:sales-4567\}\/lora\.gguf:0 --no-cache-prompt$/,
    )
  })

  test('the rehearsal engine', () => {
    expect(line(createEcho({ compileCacheDirectory: undefined }), { echo: {} }, two, facts())).toMatch(
      / --adapters support-0123=\{adapter:support-0123\},sales-4567=\{adapter:sales-4567\}$/,
    )
  })

  test.for([createVllm(), createSglang(), createTgi()])(
    '$name says nothing of adapters without any',
    (engine) => {
      const image = { vllm: { vLLM: {} }, sglang: { sGLang: {} }, tgi: { tgi: {} } }[engine.name]!
      expect(line(engine, image, [], chat)).not.toContain('lora')
    },
  )
})

describe('the files of an adapter', () => {
  test('are configuration and safetensors, and nothing else that lies there', () => {
    expect(createVllm().adapters?.files(PEFT)).toEqual(['adapter_config.json', 'adapter_model.safetensors'])
  })

  test.for<[engine: Engine, model: ModelFacts, words: string]>([
    [createVllm(), facts('adapter_config.json', 'adapter_model.bin'), 'has no adapter_model.safetensors'],
    [createSglang(), facts('config.json', 'model.safetensors'), 'adapter_config.json and no adapter_model'],
    [llamaServer, PEFT, 'convert_lora_to_gguf.py'],
    [llamaServer, facts('a.gguf', 'b.gguf'), '2 GGUF files (a.gguf, b.gguf)'],
    [llamaServer, facts('a:1.gguf'), 'rename it'],
  ])('%#: what is none is refused with the way out', ([engine, model, words]) => {
    expect(() => engine.adapters?.files(model)).toThrow(words)
  })

  test('llama.cpp reads one GGUF file', () => {
    expect(llamaServer.adapters?.files(facts('README.md', 'lora.gguf'))).toEqual(['lora.gguf'])
  })
})

test('a request asks each engine in its own words', () => {
  const asked = { name: 'support', hash: '0123456789abcdef' }
  expect(createVllm().adapters?.members(asked, 1)).toEqual({ model: 'support-0123456789ab' })
  expect(createSglang().adapters?.members(asked, 1)).toEqual({ lora_path: 'support-0123456789ab' })
  expect(llamaServer.adapters?.members(asked, 1)).toEqual({
    lora: [{ id: 1, scale: 1 }],
    cache_prompt: false,
  })
})

test('an engine says that it can serve adapters exactly where it does', () => {
  const engines = createEngines({
    server: undefined,
    compileCacheDirectory: undefined,
    runtimes: ['process', 'container'],
  })
  for (const { name, capabilities, adapters } of [...engines, llamaServer]) {
    expect([name, capabilities.includes('lora')]).toEqual([name, adapters !== undefined])
  }
})
