import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { PLACEHOLDER } from '../domain/launch-plan.ts'
import type { LaunchRequest } from './engine.ts'
import { ONNX_MEMORY } from './engine-memory.ts'
import { chooseEngine, createEngines } from './engines.ts'
import { createOnnxTei, createOnnxToolkit } from './onnx.ts'
import { onnxFiles } from './onnx-files.ts'
import { findOnnxProgram } from './onnx-program.ts'

const files = (...paths: string[]) =>
  paths.map((one) => ({ path: one, size: 1, sha256: null, etag: null }) as never)
const OPTIONS = { program: '/toolkit-main.ts', compileCacheDirectory: undefined }
const request = (changes: Partial<LaunchRequest>): LaunchRequest => ({
  image: { tei: {} },
  servedName: 'admin/embedder',
  resources: { cpus: 2, memoryBytes: 1e9, gpus: 0 } as LaunchRequest['resources'],
  command: [],
  args: [],
  apiKey: 'key',
  ...changes,
})

describe('of a repository with ONNX weights', () => {
  test.for([
    {
      what: 'the exact weights are taken, with their data, and no other copy',
      all: [
        'config.json',
        'tokenizer.json',
        'model.safetensors',
        'onnx/model.onnx',
        'onnx/model.onnx_data',
        'onnx/model_fp16.onnx',
        'onnx/model_quantized.onnx',
      ],
      needed: ['config.json', 'tokenizer.json', 'onnx/model.onnx', 'onnx/model.onnx_data'],
    },
    {
      what: 'the next smaller size is taken where the exact one is missing',
      all: ['config.json', 'onnx/model_quantized.onnx', 'onnx/model_q4.onnx'],
      needed: ['config.json', 'onnx/model_quantized.onnx'],
    },
    {
      what: 'a decoder follows its encoder, and the merged one is enough',
      all: [
        'config.json',
        'onnx/encoder_model.onnx',
        'onnx/decoder_model.onnx',
        'onnx/decoder_with_past_model.onnx',
        'onnx/decoder_model_merged.onnx',
        'onnx/encoder_model_quantized.onnx',
      ],
      needed: ['config.json', 'onnx/encoder_model.onnx', 'onnx/decoder_model_merged.onnx'],
    },
    {
      what: 'weights beside config.json are found',
      all: ['config.json', 'model.onnx'],
      needed: ['config.json', 'model.onnx'],
    },
  ])('$what', ({ all, needed }) => {
    expect(onnxFiles(files(...all)).toSorted()).toEqual(needed.toSorted())
  })
})

describe('what cannot be served on the machine itself is refused with the way out', () => {
  const { refusal } = createOnnxTei(OPTIONS)
  test.for([
    [['config.json', 'model.safetensors'], 'onnx-community'],
    [['config.json', 'onnx/model.onnx', 'handler.py'], '--runtime docker'],
    [['adapter_config.json', 'adapter_model.onnx'], 'adapter'],
    [['model.onnx'], 'config.json'],
  ] as const)('%o', ([paths, words]) => {
    expect(refusal({ repository: 'org/model', files: files(...paths) })).toContain(words)
  })

  test('and an ONNX model is not', () => {
    expect(
      refusal({ repository: 'org/model', files: files('config.json', 'onnx/model.onnx') }),
    ).toBeUndefined()
  })
})

test('text-embeddings-inference is started with its settings, its threads and its key', () => {
  const plan = createOnnxTei(OPTIONS).launch(
    request({ image: { tei: { pooling: 'lastToken', maxBatchTokens: 100 } }, args: ['--auto-truncate'] }),
  )
  expect(plan.command).toEqual([
    process.execPath,
    '/toolkit-main.ts',
    ...['--api', 'tei', '--model-id', PLACEHOLDER.model, '--served-model-name', 'admin/embedder'],
    ...['--hostname', PLACEHOLDER.host, '--port', PLACEHOLDER.port, '--threads', '2'],
    ...['--max-batch-tokens', '100', '--pooling', 'last-token', '--auto-truncate'],
  ])
  expect(plan.env).toEqual({ API_KEY: 'key' })
})

test('as many tokens are read at once as the estimate of its memory counts with', () => {
  const { command } = createOnnxTei(OPTIONS).launch(request({ image: { tei: {} } }))
  expect(command).toContain(String(ONNX_MEMORY.encoder?.tokensAtOnce))
})

test('the toolkit is given its environment, and never another key', () => {
  const image = { huggingface: { env: { HF_TASK: 'fill-mask', API_KEY: 'mine' } } }
  const { command, env } = createOnnxToolkit(OPTIONS).launch(request({ image }))
  expect(command).toContain('toolkit')
  expect(env).toEqual({ HF_TASK: 'fill-mask', API_KEY: 'key' })
})

describe('with the program installed', () => {
  const engines = createEngines({
    server: undefined,
    compileCacheDirectory: undefined,
    onnxProgram: '/toolkit-main.ts',
  })
  const chosen = (task: string | undefined, ...paths: string[]) =>
    chooseEngine(
      engines,
      { huggingface: {} },
      { repository: 'org/model', files: files(...paths) },
      task ? { task } : {},
    ).engine.name

  test('an embedding model is served as by text-embeddings-inference, any other as by the toolkit', () => {
    expect(chosen('feature-extraction', 'config.json', 'onnx/model.onnx')).toBe('tei')
    expect(chosen('text-classification', 'config.json', 'onnx/model.onnx')).toBe('toolkit')
    expect(chosen(undefined, 'config.json', 'modules.json', 'onnx/model.onnx')).toBe('tei')
    expect(chosen(undefined, 'config.json', 'model.gguf')).toBe('llamacpp')
  })
})

test('without the program the engine says what to type', () => {
  const engines = createEngines({ server: undefined, compileCacheDirectory: undefined })
  expect(() => chooseEngine(engines, { tei: {} }, { repository: 'org/model', files: [] })).toThrow(
    'npm run toolkit:install',
  )
})

test('the program counts as installed when what it needs can be found', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'berth-onnx-'))
  const program = path.join(directory, 'toolkit-main.ts')
  expect(findOnnxProgram(pathToFileURL(program))).toBeUndefined()
  writeFileSync(program, '')
  expect(findOnnxProgram(pathToFileURL(program))).toBeUndefined()
})
