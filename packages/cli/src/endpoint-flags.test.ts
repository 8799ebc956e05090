import { Endpoint, EndpointUpdate } from '@berth/contract'
import { describe, expect, test } from 'vitest'
import {
  chooseHardware,
  type EndpointFlags,
  endpointFrom,
  idleMinutes,
  modelSource,
  nameFor,
  type UpdateFlags,
  updateFrom,
} from './endpoint-flags.ts'
import { endpointSample, offerSample, vendorsSample } from './testing/samples.ts'

const hardware = chooseHardware(vendorsSample(), undefined)
const surroundings = { env: { HF_TOKEN: 'hf_1' }, workingDirectory: '/srv' }
const deploy = (flags: EndpointFlags, model = 'berth/guide', name?: string) =>
  endpointFrom({ model, name, flags, hardware, ...surroundings })
const update = (flags: UpdateFlags) =>
  updateFrom({ flags, current: endpointSample(), hardware: undefined, ...surroundings })

describe('deploy', () => {
  test('without flags lets Berth choose the engine, sleeps when idle and is private', () => {
    expect(deploy({})).toEqual({
      name: 'guide',
      type: 'private',
      provider: { vendor: 'local', region: 'default' },
      compute: {
        id: 'local-default-cpu-x1',
        accelerator: 'cpu',
        instanceType: 'cpu',
        instanceSize: 'x1',
        scaling: { minReplica: 0, maxReplica: 1, scaleToZeroTimeout: 15 },
      },
      model: { repository: 'berth/guide', framework: 'custom', image: { huggingface: {} } },
    })
  })

  test.each<[string, EndpointFlags, object]>([
    ['no engine flag', {}, { huggingface: {} }],
    ['auto', { engine: 'auto' }, { huggingface: {} }],
    ['a name in any case', { engine: 'VLLM' }, { vLLM: {} }],
    ['echo with its slots', { engine: 'echo', parallel: '3' }, { echo: { parallel: 3 } }],
    ['a file means llama.cpp', { file: 'a/b.gguf' }, { llamacpp: { modelPath: 'a/b.gguf' } }],
    ['a quantisation', { file: 'Q4_K_M' }, { llamacpp: { variant: 'Q4_K_M' } }],
    ['a glob', { file: '*Q8*.gguf' }, { llamacpp: { variant: '*Q8*.gguf' } }],
    ['sizes', { ctx: '4096', parallel: '2' }, { llamacpp: { ctxSize: 4096, nParallel: 2 } }],
    ['a setting that is JSON', { engine: 'echo', set: ['startMs=20'] }, { echo: { startMs: 20 } }],
    [
      'a setting that is text',
      { engine: 'llamacpp', set: ['mode=embeddings'] },
      { llamacpp: { mode: 'embeddings' } },
    ],
  ])('turns %s into one engine variant', (_case, flags, image) => {
    const endpoint = deploy(flags)
    expect(endpoint.model.image).toEqual(image)
    expect(Endpoint.safeParse(endpoint).error).toBeUndefined()
  })

  test.each<[string, EndpointFlags, object]>([
    ['a policy', { routing: 'round-robin' }, { routing: { policy: 'round-robin' } }],
    ['the policy left to Berth', { routing: 'auto' }, { routing: { policy: null } }],
    ['room', { requestsPerReplica: '8' }, { routing: { requestsPerReplica: 8 } }],
    ['room left to the engine', { requestsPerReplica: 'auto' }, { routing: { requestsPerReplica: null } }],
    [
      'rates',
      { requestsPerMinute: '60', tokensPerMinute: '9000' },
      { limits: { requestsPerMinute: 60, tokensPerMinute: 9000 } },
    ],
    ['a number at once', { concurrent: '3' }, { limits: { concurrentRequests: 3 } }],
    ['a body', { maxBody: '8m' }, { limits: { bodyBytes: 8_388_608 } }],
    ['a time', { requestSeconds: '600' }, { limits: { requestSeconds: 600 } }],
  ])('takes %s for the endpoint', (_case, flags, fields) => {
    const endpoint = deploy(flags)
    expect(endpoint).toMatchObject(fields)
    expect(Endpoint.safeParse(endpoint).error).toBeUndefined()
  })

  test.each<[EndpointFlags, string]>([
    [{ routing: 'random' }, '--routing is "random"'],
    [{ requestsPerReplica: '-1' }, '--requests-per-replica is "-1"'],
    [{ maxBody: '8 MB' }, '--max-body is "8 MB"'],
    [{ concurrent: 'x' }, '--concurrent is "x"'],
    [{ requestSeconds: '1m' }, '--request-seconds is "1m"'],
  ])('%j is refused by name', (flags, words) => {
    expect(() => deploy(flags)).toThrow(words)
  })

  test('puts every other flag where the API wants it', () => {
    const endpoint = deploy({
      min: '2',
      idle: 'never',
      access: 'protected',
      env: ['A=1', 'B=x=y', 'C='],
      secret: ['HF_TOKEN', 'KEY=v'],
      arg: ['--flash-attn', 'on'],
      tag: ['one', 'two'],
      revision: 'main',
    })
    expect(endpoint.compute.scaling).toEqual({ minReplica: 2, maxReplica: 2, scaleToZeroTimeout: null })
    expect(endpoint.type).toBe('private')
    expect(endpoint.model).toMatchObject({
      env: { A: '1', B: 'x=y', C: '' },
      secrets: { HF_TOKEN: 'hf_1', KEY: 'v' },
      args: ['--flash-attn', 'on'],
      revision: 'main',
    })
    expect(endpoint.tags).toEqual(['one', 'two'])
    expect(Endpoint.safeParse(endpoint).error).toBeUndefined()
  })

  test.each<[EndpointFlags, RegExp]>([
    [{ min: '-1' }, /--min is "-1"/],
    [{ max: 'many' }, /--max is "many"/],
    [{ idle: 'soon' }, /--idle is "soon": write minutes/],
    [{ access: 'open' }, /--access is "open"/],
    [{ engine: 'llama' }, /--engine is "llama": choose one of auto, .*llamacpp/],
    [{ env: ['A'] }, /--env is "A": write it as KEY=VALUE/],
    [{ secret: ['NOT_SET'] }, /--secret NOT_SET: there is no such environment variable/],
    [{ engine: 'echo', ctx: '10' }, /--ctx does not go with the engine echo/],
    [{ engine: 'echo', file: 'Q4' }, /--file does not go with the engine echo/],
    [{ set: ['=1'] }, /--set is "=1"/],
  ])('refuses %j by the flag’s name, as wrong usage', (flags, message) => {
    expect(() => deploy(flags)).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringMatching(message) }),
    )
  })

  test('takes a GGUF file on disk as its directory and that file', () => {
    const { name, model } = deploy({}, './models/Tiny-Q8.gguf')
    expect(name).toBe('tiny-q8')
    expect(model.repository).toBe('file:/srv/models')
    expect(model.image).toEqual({ llamacpp: { modelPath: 'Tiny-Q8.gguf' } })
  })
})

describe('update', () => {
  test.each<[UpdateFlags, object]>([
    [{ max: '4' }, { compute: { scaling: { maxReplica: 4 } } }],
    [{ idle: '30s' }, { compute: { scaling: { scaleToZeroTimeout: 0.5 } } }],
    [
      { parallel: '2' },
      { model: { image: { llamacpp: { ctxSize: 2048, nParallel: 2 } }, framework: 'llamacpp' } },
    ],
    [{ engine: 'echo' }, { model: { image: { echo: {} }, framework: 'custom' } }],
    [{ env: ['A=1'] }, { model: { env: { LANG: 'C', A: '1' } } }],
    [{ unsetEnv: ['LANG'] }, { model: { env: {} } }],
    [{ secret: ['K=v'], unsetSecret: ['HF_TOKEN'] }, { model: { secrets: { K: 'v', HF_TOKEN: null } } }],
    [{ model: 'org/other' }, { model: { repository: 'org/other', revision: null } }],
    [
      { access: 'public', tag: ['a'] },
      { type: 'public', tags: ['a'] },
    ],
  ])('%j sends only what changes, and keeps what the API would replace as a whole', (flags, body) => {
    expect(update(flags)).toEqual(body)
    expect(EndpointUpdate.safeParse(body).error).toBeUndefined()
  })

  test('without a flag has nothing to do and says so', () => {
    expect(() => update({})).toThrow(/Nothing to change/)
  })
})

describe('hardware', () => {
  test('is the smallest CPU that is available', () => {
    expect(hardware.compute).toMatchObject({ instanceType: 'cpu', instanceSize: 'x1' })
    const taken = vendorsSample(
      offerSample('cpu', 'x1', { status: 'not_available' }),
      offerSample('cpu', 'x4'),
    )
    expect(chooseHardware(taken, undefined).compute.instanceSize).toBe('x4')
  })

  test.each(['nvidia-h200/x1', 'local-default-nvidia-h200-x1'])('is what --instance %s names', (wanted) => {
    expect(chooseHardware(vendorsSample(), wanted).compute.accelerator).toBe('gpu')
  })

  test('that is not offered is refused with what is', () => {
    expect(() => chooseHardware(vendorsSample(), 'cpu/x64')).toThrow(
      /no instance "cpu\/x64" \(--instance\): .* nvidia-h200\/x1, cpu\/x2, cpu\/x1/,
    )
  })
})

test.each([
  ['org/Qwen2.5-0.5B-Instruct-GGUF', 'qwen2-5-0-5b-instruct'],
  ['berth/guide', 'guide'],
  ['org/A_Very.Long-Model-Name-That-Never-Seems-To-End', 'a-very-long-model-name-that-neve'],
  ['/data/models/My Model/', 'my-model'],
])('the name for %s is %s', (model, name) => {
  expect(nameFor(modelSource(model, '/'))).toBe(name)
})

test('a model without a letter in its name needs --name', () => {
  expect(() => nameFor(modelSource('org/模型', '/'))).toThrow(/--name/)
})

test.each([
  ['berth/guide', 'berth/guide'],
  ['./m', 'file:/srv/m'],
  ['../m', 'file:/m'],
  ['/abs/m', 'file:/abs/m'],
  ['file:/abs/m', 'file:/abs/m'],
  ['file:///abs/m', 'file:/abs/m'],
  ['.', 'file:/srv'],
])('the model %s is the repository %s', (model, repository) => {
  expect(modelSource(model, '/srv').repository).toBe(repository)
})

test.each([
  ['15', 15],
  ['30s', 0.5],
  ['2h', 120],
  ['1.5m', 1.5],
  ['never', null],
])('--idle %s is %s minutes', (text, minutes) => {
  expect(idleMinutes(text)).toBe(minutes)
})

test('an update keeps what it does not name of routing and limits, and none takes a limit away', () => {
  const current = {
    ...endpointSample(),
    routing: { policy: 'least-tokens' as const, requestsPerReplica: 4 },
    limits: { requestsPerMinute: 60, concurrentRequests: 3 },
  }
  const change = (flags: UpdateFlags) => updateFrom({ flags, current, hardware: undefined, ...surroundings })
  expect(change({ requestsPerReplica: '9' })).toEqual({
    routing: { policy: 'least-tokens', requestsPerReplica: 9 },
  })
  expect(change({ concurrent: 'none', maxBody: '1k' })).toEqual({
    limits: { requestsPerMinute: 60, bodyBytes: 1_024 },
  })
})

describe('how the gateway answers for it', () => {
  test.for<[UpdateFlags, object]>([
    [{ cache: 'on' }, { cacheHttpResponses: true }],
    [{ cache: 'off' }, { cacheHttpResponses: false }],
    [{ fallback: 'spare' }, { fallback: { endpoint: 'spare' } }],
    [{ fallback: 'none' }, { fallback: null }],
    [
      { corsOrigin: ['https://a.example', 'https://b.example'] },
      { cors: { origins: ['https://a.example', 'https://b.example'] } },
    ],
    [{ corsOrigin: ['none'] }, { cors: null }],
    [{ router: 'acme/router:1' }, { customRouter: { tag: 'acme/router:1' } }],
    [
      { router: 'acme/router:1', routerEnv: ['A=1', 'B=x=y'], routerPort: '8000' },
      { customRouter: { tag: 'acme/router:1', env: { A: '1', B: 'x=y' }, port: 8_000 } },
    ],
    [{ router: 'none' }, { customRouter: null }],
  ])('%j is %j', ([flags, expected]) => {
    expect(update(flags)).toEqual(expected)
    expect(deploy(flags)).toMatchObject(expected)
    expect(EndpointUpdate.safeParse(update(flags)).error).toBeUndefined()
  })

  test('what is said of a router is merged with the router that is there', () => {
    const current = endpointSample(
      {},
      { customRouter: { tag: 'acme/router:1', env: { A: '1' }, port: 8_000 } },
    )
    const change = (flags: UpdateFlags) =>
      updateFrom({ flags, current, hardware: undefined, ...surroundings })
    expect(change({ routerEnv: ['B=2'] })).toEqual({
      customRouter: { tag: 'acme/router:1', env: { A: '1', B: '2' }, port: 8_000 },
    })
    expect(change({ router: 'acme/router:2', routerPort: '9000' })).toEqual({
      customRouter: { tag: 'acme/router:2', env: { A: '1' }, port: 9_000 },
    })
  })

  test('what makes no sense is refused with the flag', () => {
    expect(() => update({ router: 'none', routerPort: '1' })).toThrow('--router none')
    expect(() => update({ routerEnv: ['A=1'] })).toThrow('name one with --router')
    expect(() => deploy({ router: 'a:1', routerPort: 'x' })).toThrow('--router-port is "x"')
    expect(() => update({ cache: 'yes' })).toThrow('--cache is "yes"')
    expect(() => update({ corsOrigin: ['none', 'https://a.example'] })).toThrow('--cors-origin none')
  })
})
