import { describe, expect, test } from 'vitest'
import { MAX_REPLICAS } from './compute.ts'
import { AccessType, Endpoint, EndpointUpdate, EndpointWithStatus, ListEndpointsQuery } from './endpoint.ts'
import { Image, imageVariants, variantOf } from './image.ts'
import { EndpointName, EnvironmentName, NamespaceName, Timestamp } from './names.ts'
import { TokenCreate } from './token.ts'

/** What `create_inference_endpoint` of the Python client sends at least. */
const pythonCreate = {
  accountId: null,
  compute: {
    accelerator: 'cpu',
    instanceSize: 'x2',
    instanceType: 'intel-spr',
    scaling: { maxReplica: 1, minReplica: 1, scaleToZeroTimeout: null },
  },
  model: { framework: 'pytorch', repository: 'acme/m', revision: null, image: { huggingface: {} } },
  name: 'my-ep',
  provider: { region: 'us-east-1', vendor: 'aws' },
  type: 'authenticated',
}

const external = { baseUrl: 'https://api.example.com/v1', model: 'large', secret: 'OTHER_KEY' }
const scaling = (changes: object) => ({
  ...pythonCreate,
  compute: { ...pythonCreate.compute, scaling: { ...pythonCreate.compute.scaling, ...changes } },
})
const objective = { firstTokenMs: 2_000, interTokenMs: 100, attainment: 0.95 }
const officeHours = {
  days: ['Mon', 'Fri'],
  fromHour: 8,
  toHour: 18,
  minReplica: 2,
  timeZone: 'Europe/Paris',
}
const model = (changes: object) => ({ ...pythonCreate, model: { ...pythonCreate.model, ...changes } })

describe('an endpoint that is asked for', () => {
  test.for<[string, object]>([
    ['the least that the Python client sends', pythonCreate],
    ['a measure without a threshold', scaling({ measure: { hardwareUsage: null } })],
    ['a measure with one', scaling({ measure: { pendingRequests: 1.5 } })],
    ['a latency objective', scaling({ measure: { slo: { firstTokenMs: 2_000, interTokenMs: 100 } } })],
    ['a schedule', scaling({ schedules: [officeHours] })],
    ['a schedule past midnight', scaling({ schedules: [{ ...officeHours, fromHour: 22, toHour: 6 }] })],
    ['no schedule any more', scaling({ schedules: [] })],
    ['a cost ceiling', scaling({ maxCostPerHour: 12.5 })],
    ['no cost ceiling', scaling({ maxCostPerHour: null })],
    ['steps of one replica', scaling({ strict: true })],
    ['the older names of a measure', scaling({ metric: 'hardwareUsage', threshold: 80 })],
    ['a fraction of an idle minute', scaling({ scaleToZeroTimeout: 0.05 })],
    ['no idle time at all', scaling({ scaleToZeroTimeout: undefined })],
    ['scaling from zero', scaling({ minReplica: 0, maxReplica: MAX_REPLICAS })],
    ['empty lists of arguments', model({ command: [], args: [], task: 'text-generation' })],
    ['environment and secrets', model({ env: { HF_HOME: '/tmp' }, secrets: { _TOKEN1: 'x' } })],
    ['another endpoint as fallback', { ...pythonCreate, fallback: { endpoint: 'spare', on: ['cold'] } }],
    ['a server elsewhere as fallback', { ...pythonCreate, fallback: { external } }],
    [
      'a server of this machine',
      { ...pythonCreate, fallback: { external: { ...external, baseUrl: 'http://[::1]:1/v1' } } },
    ],
    ['every origin', { ...pythonCreate, cors: { origins: ['*'] } }],
    ['two origins', { ...pythonCreate, cors: { origins: ['https://a.example', 'http://localhost:5173'] } }],
    ['no origins', { ...pythonCreate, cors: null }],
    ['a route', { ...pythonCreate, route: { domain: 'a.example', path: '/v1' } }],
    ['tags and a response cache', { ...pythonCreate, tags: ['a', 'b'], cacheHttpResponses: true }],
  ])('may be %s', ([, body]) => {
    expect(Endpoint.safeParse(body)).toMatchObject({ success: true })
  })

  test.for<[string, object]>([
    ['a name with capitals', { ...pythonCreate, name: 'My-ep' }],
    ['an unknown field', { ...pythonCreate, colour: 'red' }],
    ['an unknown field in scaling', scaling({ maxReplicas: 3 })],
    ['an unknown field in the model', model({ repo: 'a/b' })],
    ['an unknown accelerator', { ...pythonCreate, compute: { ...pythonCreate.compute, accelerator: 'tpu' } }],
    ['more replicas than anybody has', scaling({ maxReplica: MAX_REPLICAS + 1 })],
    ['a maximum of none', scaling({ minReplica: 0, maxReplica: 0 })],
    ['half a replica', scaling({ minReplica: 0.5 })],
    ['fewer than none', scaling({ minReplica: -1 })],
    ['an idle time too short to mean', scaling({ scaleToZeroTimeout: 0.001 })],
    ['a measure of two things', scaling({ measure: { hardwareUsage: 80, pendingRequests: 1 } })],
    ['a measure of nothing', scaling({ measure: {} })],
    ['a negative threshold', scaling({ measure: { hardwareUsage: -1 } })],
    ['more than all of the hardware', scaling({ measure: { hardwareUsage: 101 } })],
    ['an objective for every request', scaling({ measure: { slo: { ...objective, attainment: 1 } } })],
    ['an objective for no request', scaling({ measure: { slo: { ...objective, attainment: 0 } } })],
    ['an objective of no time', scaling({ measure: { slo: { ...objective, firstTokenMs: 0 } } })],
    ['half an objective', scaling({ measure: { slo: { firstTokenMs: 2_000 } } })],
    ['an unknown time zone', scaling({ schedules: [{ ...officeHours, timeZone: 'Europe/Atlantis' }] })],
    ['an unknown day', scaling({ schedules: [{ ...officeHours, days: ['Monday'] }] })],
    ['a schedule for no day', scaling({ schedules: [{ ...officeHours, days: [] }] })],
    ['an hour that no day has', scaling({ schedules: [{ ...officeHours, toHour: 25 }] })],
    ['a ceiling below every cost', scaling({ maxCostPerHour: 0 })],
    ['an empty repository', model({ repository: '' })],
    ['a variable with a bad name', model({ env: { 'A-B': 'x' } })],
    ['a variable that is not text', model({ env: { A: 1 } })],
    ['a secret without a value', model({ secrets: { A: null } })],
    ['a value that is too long', model({ secrets: { A: 'x'.repeat(32_769) } })],
    ['too many arguments', model({ args: Array(257).fill('x') })],
    ['too many tags', { ...pythonCreate, tags: Array(51).fill('x') }],
    ['an origin with a path', { ...pythonCreate, cors: { origins: ['https://a.example/'] } }],
    ['an origin of no web page', { ...pythonCreate, cors: { origins: ['null'] } }],
    ['every origin among others', { ...pythonCreate, cors: { origins: ['*', 'https://a.example'] } }],
    ['a fallback that names nobody', { ...pythonCreate, fallback: {} }],
    ['a fallback that names two', { ...pythonCreate, fallback: { endpoint: 'spare', external } }],
    ['a fallback for no reason', { ...pythonCreate, fallback: { endpoint: 'spare', on: [] } }],
    [
      'a fallback without encryption',
      { ...pythonCreate, fallback: { external: { ...external, baseUrl: 'http://a.example/v1' } } },
    ],
    [
      'a key in a URL',
      { ...pythonCreate, fallback: { external: { ...external, baseUrl: 'https://k@a.example/v1' } } },
    ],
    ['a route that is no path', { ...pythonCreate, route: { path: 'v1' } }],
  ])('may not be one with %s', ([, body]) => {
    expect(Endpoint.safeParse(body).success).toBe(false)
  })
})

describe('a change', () => {
  test('may be empty, and stays empty', () => {
    expect(EndpointUpdate.parse({})).toEqual({})
  })

  test('may touch one number deep inside', () => {
    const change = { compute: { scaling: { maxReplica: 2 } } }
    expect(EndpointUpdate.parse(change)).toEqual(change)
  })

  test('may delete a secret, but not a variable', () => {
    expect(EndpointUpdate.safeParse({ model: { secrets: { A: null } } }).success).toBe(true)
    expect(EndpointUpdate.safeParse({ model: { env: { A: null } } }).success).toBe(false)
  })

  test('is refused with unknown fields and bad values as a creation is', () => {
    expect(EndpointUpdate.safeParse({ colour: 'red' }).success).toBe(false)
    expect(EndpointUpdate.safeParse({ compute: { scaling: { maxReplica: 0 } } }).success).toBe(false)
    expect(EndpointUpdate.safeParse({ model: { image: {} } }).success).toBe(false)
  })
})

describe('older words', () => {
  test.for([
    ['public', 'public'],
    ['authenticated', 'authenticated'],
    ['private', 'private'],
    ['protected', 'private'],
    ['verified', 'authenticated'],
  ] as const)('access "%s" is read as %s', ([word, meaning]) => {
    expect(AccessType.parse(word)).toBe(meaning)
    expect(EndpointUpdate.parse({ type: word })).toEqual({ type: meaning })
  })

  test.for<[object, object]>([
    [{ custom: { vLLM: { tensorParallelSize: 2 } } }, { vLLM: { tensorParallelSize: 2 } }],
    [{ custom: { llamacpp: { ctxSize: 2048 } } }, { llamacpp: { ctxSize: 2048 } }],
    [{ custom: { url: 'a/b', health_route: '/up' } }, { custom: { url: 'a/b', healthRoute: '/up' } }],
    [{ custom: { url: 'a/b', port: 80 } }, { custom: { url: 'a/b', port: 80 } }],
  ])('the image %j is read as %j', ([written, meaning]) => {
    expect(Image.parse(written)).toEqual(meaning)
  })

  test('a wrapped image is judged by the rules of what is inside', () => {
    expect(Image.safeParse({ custom: { vLLM: { port: 0 } } }).success).toBe(false)
    expect(Image.safeParse({ custom: { vLLM: {}, tgi: {} } }).success).toBe(false)
  })
})

describe('an image', () => {
  test.for(imageVariants)('%s needs no settings', (name) => {
    const image = Image.parse({ [name]: {} })
    expect(variantOf(image)).toEqual({ name, settings: {} })
  })

  test.for<[unknown]>([
    [{}],
    [null],
    ['vLLM'],
    [[]],
    [{ ollama: {} }],
    [{ vLLM: {}, tgi: {} }],
    [{ vLLM: null }],
    [{ vLLM: { port: 65_536 } }],
    [{ vLLM: { healthRoute: 'health' } }],
    [{ vLLM: { gpuMemory: 1 } }],
    [{ llamacpp: { ctxSize: -1 } }],
    [{ llamacpp: { nParallel: 0 } }],
    [{ custom: { credentials: { username: 'a' } } }],
    [{ echo: { errorStatus: 200 } }],
  ])('%j is refused', ([image]) => {
    expect(Image.safeParse(image).success).toBe(false)
  })

  test('its variant comes with its settings', () => {
    expect(variantOf({ echo: { startMs: 5 } })).toEqual({ name: 'echo', settings: { startMs: 5 } })
  })
})

describe('names', () => {
  test.for<[string, boolean]>([
    ['a', true],
    ['my-endpoint-1', true],
    ['1st', true],
    ['x'.repeat(32), true],
    ['x'.repeat(33), false],
    ['', false],
    ['-a', false],
    ['a-', false],
    ['a_b', false],
    ['a.b', false],
    ['A', false],
    ['a/b', false],
    ['a\n', false],
    ['ä', false],
  ])('endpoint name %j: %s', ([name, isGood]) => {
    expect(EndpointName.safeParse(name).success).toBe(isGood)
  })

  test.for<[string, boolean]>([
    ['Ada', true],
    ['x'.repeat(42), true],
    ['x'.repeat(43), false],
    ['..', false],
    ['a b', false],
    ['', false],
  ])('namespace %j: %s', ([name, isGood]) => {
    expect(NamespaceName.safeParse(name).success).toBe(isGood)
  })

  test.for<[string, boolean]>([
    ['HF_TOKEN', true],
    ['_x1', true],
    ['1X', false],
    ['A-B', false],
    ['A=B', false],
    ['x'.repeat(129), false],
  ])('variable %j: %s', ([name, isGood]) => {
    expect(EnvironmentName.safeParse(name).success).toBe(isGood)
  })

  test.for<[string, boolean]>([
    ['2026-08-01T10:00:00Z', true],
    ['2026-08-01T10:00:00.123456789Z', true],
    ['2026-08-01T10:00:00+00:00', false],
    ['2026-08-01T10:00:00', false],
    ['2026-02-30T10:00:00Z', false],
  ])('time %j: %s', ([time, isGood]) => {
    expect(Timestamp.safeParse(time).success).toBe(isGood)
  })

  test('a token may write, never expires and has no limits unless asked otherwise', () => {
    expect(TokenCreate.parse({ name: 'laptop' })).toEqual({
      name: 'laptop',
      role: 'write',
      expiresAt: null,
      limits: {},
    })
    expect(TokenCreate.safeParse({ name: '' }).success).toBe(false)
    expect(TokenCreate.safeParse({ name: 'x', role: 'admin' }).success).toBe(false)
  })

  test('a limit in an address is text that holds a number', () => {
    expect(ListEndpointsQuery.parse({ limit: '20' })).toEqual({ limit: 20 })
    expect(ListEndpointsQuery.safeParse({ limit: '0' }).success).toBe(false)
    expect(ListEndpointsQuery.safeParse({ limit: '2.5' }).success).toBe(false)
  })
})

test('an answer with what every known client needs is one of ours, additions included', () => {
  const answer = {
    name: 'demo-abc',
    namespace: 'alice',
    type: 'authenticated',
    accountId: null,
    provider: { vendor: 'local', region: 'default' },
    compute: {
      id: 'local-default-nvidia-l4-x1',
      accelerator: 'gpu',
      instanceType: 'nvidia-l4',
      instanceSize: 'x1',
      scaling: { minReplica: 0, maxReplica: 1, scaleToZeroTimeout: 60, measure: { hardwareUsage: 80 } },
    },
    model: {
      repository: 'org/model',
      revision: '0123456789abcdef0123456789abcdef01234567',
      framework: 'pytorch',
      task: 'text-generation',
      image: {
        vLLM: { url: 'registry/vllm:tag', port: 8000, healthRoute: '/health', tensorParallelSize: 1 },
      },
      args: [],
      command: [],
      env: {},
      secrets: {},
      fromCatalog: false,
    },
    healthRoute: '/health',
    tags: [],
    cacheHttpResponses: false,
    route: null,
    privateService: null,
    experimentalFeatures: {},
    status: {
      state: 'running',
      message: 'ready',
      errorMessage: null,
      createdAt: '2026-08-01T10:00:00.000Z',
      createdBy: { id: '1', name: 'alice' },
      updatedAt: '2026-08-01T10:05:00.000Z',
      updatedBy: { id: '1', name: 'alice' },
      readyReplica: 1,
      targetReplica: 1,
      url: 'https://abc.default.local.example',
      private: null,
      lastUsedAt: null,
      inferenceMetricsEnabled: false,
      generation: 1,
      observedGeneration: 1,
      progress: null,
    },
  }
  expect(EndpointWithStatus.parse(answer)).toEqual(answer)
  expect(EndpointWithStatus.safeParse({ ...answer, later: 'addition' }).success).toBe(true)
})
