import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { ErrorBody, type RouteDefinition, type RouteName, routes } from '@berth/contract'
import fc from 'fast-check'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Log } from '../platform/log.ts'
import { silentLog } from '../platform/log.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { createApi } from './create-api.ts'
import { ADA_READS, ADA_WRITES, BOB_WRITES, InMemoryServices } from './in-memory-services.ts'
import { KEEP_ALIVE_MS } from './text-stream.ts'

let consoleDirectory: string
beforeAll(() => {
  consoleDirectory = mkdtempSync(path.join(tmpdir(), 'berth-api-'))
  mkdirSync(path.join(consoleDirectory, 'assets'))
  writeFileSync(path.join(consoleDirectory, 'index.html'), '<!doctype html><title>Berth</title>')
  writeFileSync(path.join(consoleDirectory, 'console-renderer.js'), 'export {}')
  writeFileSync(path.join(consoleDirectory, 'console-renderer.js.gz'), gzipSync('export {}'))
  writeFileSync(path.join(consoleDirectory, 'assets', 'index-B7xY12_a.js'), 'export {}')
  writeFileSync(path.join(consoleDirectory, 'assets', 'sign-renderer.js'), 'export {}')
  writeFileSync(path.join(consoleDirectory, '.env'), 'SECRET=1')
})
afterAll(() => rmSync(consoleDirectory, { recursive: true }))

let services: InMemoryServices
let app: FastifyInstance
let clock: FakeClock
let logged: { message: string; fields: Readonly<Record<string, unknown>> }[]
beforeEach(() => {
  services = new InMemoryServices()
  clock = new FakeClock()
  logged = []
  const log: Log = { ...silentLog, error: (message, fields = {}) => logged.push({ message, fields }) }
  const publicUrl = () => 'http://127.0.0.1:8080'
  app = createApi(services, {
    version: '1.2.3',
    consoleDirectory,
    consolePages: ['/endpoints'],
    log,
    publicUrl,
    clock,
  })
})
afterEach(() => app.close())

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

const call = (method: InjectOptions['method'], url: string, payload?: object | string, token = ADA_WRITES) =>
  app.inject({
    method: method!,
    url,
    headers: { ...bearer(token), ...(payload !== undefined && { 'content-type': 'application/json' }) },
    ...(payload !== undefined && { payload }),
  })

const guide = {
  name: 'guide',
  type: 'private',
  provider: { vendor: 'local', region: 'here' },
  compute: {
    accelerator: 'cpu',
    instanceType: 'cpu',
    instanceSize: 'x1',
    scaling: { minReplica: 0, maxReplica: 1, scaleToZeroTimeout: 15 },
  },
  model: { repository: 'berth/guide', framework: 'llamacpp', image: { huggingface: {} } },
} as const

describe('the route table', () => {
  const range = { start: '2026-08-01T10:00:00Z', stop: '2026-08-01T11:00:00Z' }
  const calls: [RouteName, NonNullable<InjectOptions['method']>, string, object?][] = [
    ['createEndpoint', 'POST', '/v2/endpoint/ada', { ...guide, name: 'other' }],
    ['listEndpoints', 'GET', '/v2/endpoint/ada?tags=a&limit=10'],
    ['getEndpoint', 'GET', '/v2/endpoint/ada/guide'],
    ['updateEndpoint', 'PUT', '/v2/endpoint/ada/guide', { tags: ['blue'] }],
    ['pauseEndpoint', 'POST', '/v2/endpoint/ada/paused/pause'],
    ['resumeEndpoint', 'POST', '/v2/endpoint/ada/paused/resume'],
    ['scaleEndpointToZero', 'POST', '/v2/endpoint/ada/guide/scale-to-zero'],
    ['deleteEndpoint', 'DELETE', '/v2/endpoint/ada/guide'],
    ['listReplicas', 'GET', '/v2/endpoint/ada/guide/replica'],
    ['listRevisions', 'GET', '/v2/endpoint/ada/guide/revisions'],
    ['listEvents', 'GET', '/v2/endpoint/ada/guide/events?limit=5'],
    [
      'readLogLines',
      'GET',
      '/v3/endpoint/ada/guide/logs?level=warn&since=2026-08-01T10:00:00%2B02:00&limit=5',
    ],
    ['readMetrics', 'GET', '/v2/endpoint/ada/guide/metrics?names=requests,latency&step=60&replica=each'],
    ['readGraphs', 'POST', '/v2/endpoint/ada/guide/metrics', range],
    ['readGraph', 'POST', '/v2/endpoint/ada/guide/metrics/hardware-cpu', range],
    ['readTimeline', 'GET', '/v2/endpoint/ada/guide/timeline?kinds=replica,scale.changed&limit=5'],
    ['readWhatIf', 'GET', '/v2/endpoint/ada/guide/what-if?from=2026-08-01T10:00:00Z'],
    ['planUpdate', 'POST', '/v2/endpoint/ada/guide/plan', { tags: ['blue'] }],
    ['planRollback', 'POST', '/v2/endpoint/ada/guide/plan-rollback', { revision: 1 }],
    ['rollbackEndpoint', 'POST', '/v2/endpoint/ada/guide/rollback', { revision: 1 }],
    ['listDecisions', 'GET', '/v2/endpoint/ada/guide/decisions?limit=5&at=2026-08-01T10:00:00Z'],
    ['listVendors', 'GET', '/v2/provider'],
    ['listVendorsForNamespace', 'GET', '/v2/provider/ada'],
    ['listQuotas', 'GET', '/v2/provider/quotas/ada'],
    [
      'recommendConfiguration',
      'GET',
      '/v2/recommended/ada?repository=acme%2Fchat&context=4096&instance=cpu%2Fx1',
    ],
    ['searchHub', 'GET', '/v2/hub/models?search=qwen%20gguf&task=text-generation'],
    ['whoami', 'GET', '/hub/api/whoami-v2'],
    ['listTokens', 'GET', '/v2/token'],
    ['createToken', 'POST', '/v2/token', { name: 'laptop' }],
    ['revokeToken', 'DELETE', '/v2/token/first'],
    ['createSignInCode', 'POST', '/v2/sign-in/code'],
    ['signIn', 'POST', '/v2/sign-in', { code: 'code-of-ada' }],
    ['signOut', 'POST', '/v2/sign-out'],
    ['systemStatus', 'GET', '/v2/system'],
    ['readHardware', 'GET', '/v2/system/hardware'],
    [
      'putHardware',
      'PUT',
      '/v2/system/hardware/local-rack-1-cpu-x1',
      {
        ...{ vendor: 'local', region: 'rack-1', instanceType: 'cpu', instanceSize: 'x1' },
        ...{ architecture: 'A processor', vcpus: 1, memoryGb: 2 },
      },
    ],
    ['removeHardware', 'DELETE', '/v2/system/hardware/local-rack-1-cpu-x1'],
  ]

  test('has a test for every route', () => {
    const streams = [
      ...['watchEndpoint', 'watchNamespace', 'readLogs', 'watchLogs', 'watchLogLines'],
      ...['readOpenMetrics', 'readSystemMetrics'],
    ]
    expect([...calls.map(([name]) => name), ...streams].toSorted()).toEqual(Object.keys(routes).toSorted())
  })

  test.for(calls)('%s answers 200 with what the contract promises', async ([name, method, url, payload]) => {
    await call('POST', '/v2/endpoint/ada', guide)
    await call('POST', '/v2/endpoint/ada', { ...guide, name: 'paused' })
    await call('POST', '/v2/endpoint/ada/paused/pause')

    const response = await call(method, url, payload)

    expect(response.statusCode, response.body).toBe(200)
    const { response: schema } = routes[name] as RouteDefinition
    expect(typeof schema !== 'string' && schema.parse(response.json())).toEqual(response.json())
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8')
    expect(response.headers['x-request-id']).toMatch(/^[a-z2-7]{10}$/)
    expect(response.headers['cache-control']).toBe('no-store')
  })

  test('an endpoint is created, changed, paused, resumed and deleted', async () => {
    expect((await call('POST', '/v2/endpoint/ada', guide)).json().status.createdBy.name).toBe('ada')
    expect((await call('PUT', '/v2/endpoint/ada/guide', {})).json().type).toBe('private')
    expect((await call('PUT', '/v2/endpoint/ada/guide', { type: 'verified' })).json().type).toBe(
      'authenticated',
    )
    expect((await call('POST', '/v2/endpoint/ada/guide/pause')).json().status.state).toBe('paused')
    expect((await call('POST', '/v2/endpoint/ada/guide/resume')).json().status.state).toBe('running')
    expect((await call('DELETE', '/v2/endpoint/ada/guide')).body).toBe('{}')
    expect((await call('GET', '/v2/endpoint/ada/guide')).statusCode).toBe(404)
  })

  test('resuming what runs is refused with the words that clients look for', async () => {
    await call('POST', '/v2/endpoint/ada', guide)
    const response = await call('POST', '/v2/endpoint/ada/guide/resume')
    expect(response.statusCode).toBe(400)
    expect(response.json().error).toContain('already running')
  })

  test('whoami says who asks in the shape of the Hub', async () => {
    const response = await call('GET', '/hub/api/whoami-v2', undefined, ADA_READS)
    expect(response.json()).toMatchObject({
      type: 'user',
      name: 'ada',
      orgs: [{ name: 'acme' }],
      auth: { accessToken: { role: 'read', createdAt: '1970-01-01T00:00:00.000Z' } },
    })
  })
})

describe('who may call', () => {
  test.for([
    ['no token', undefined],
    ['an unknown token', 'Bearer berth_unknown'],
    ['an empty token', 'Bearer '],
    ['two tokens', `Bearer ${ADA_WRITES} ${ADA_WRITES}`],
    ['another scheme', `Basic ${ADA_WRITES}`],
    ['a token without its scheme', ADA_WRITES],
    ['a very long token', `Bearer ${'x'.repeat(10_000)}`],
  ])('%s is answered with 401 and how to do it', async ([, authorization]) => {
    const headers = authorization === undefined ? {} : { authorization }
    for (const url of ['/v2/endpoint/ada', '/hub/api/whoami-v2', '/v2/endpoint/ada/guide/sse']) {
      const response = await app.inject({ url, headers })
      expect(response.statusCode).toBe(401)
      expect(response.headers['www-authenticate']).toMatch(/^Bearer realm="berth"/)
      expect(ErrorBody.parse(response.json())).toMatchObject({ code: 'unauthenticated', retryable: false })
    }
  })

  test('the scheme is not case sensitive', async () => {
    const headers = { authorization: `bearer ${ADA_WRITES}` }
    expect((await app.inject({ url: '/v2/endpoint/ada', headers })).statusCode).toBe(200)
  })

  test('a token that expired or was revoked meanwhile is refused', async () => {
    services.callers.delete(ADA_WRITES)
    const response = await call('GET', '/v2/endpoint/ada')
    expect(response.statusCode).toBe(401)
    expect(response.headers['www-authenticate']).toContain('invalid_token')
  })

  test.for([
    ['ada', ADA_WRITES, 200],
    ['acme', ADA_WRITES, 200],
    ['bob', ADA_WRITES, 403],
    ['nobody', ADA_WRITES, 404],
    ['ada', BOB_WRITES, 403],
    ['constructor', ADA_WRITES, 404],
    ['-bad-', ADA_WRITES, 400],
    ['..%2Fada', ADA_WRITES, 400],
    ['x'.repeat(300), ADA_WRITES, 400],
  ] as const)('namespace %s with %s is answered with %i', async ([namespace, token, status]) => {
    for (const url of [`/v2/endpoint/${namespace}`, `/v2/provider/quotas/${namespace}`]) {
      const response = await call('GET', url, undefined, token)
      expect(response.statusCode, response.body).toBe(status)
    }
  })

  const writes = (Object.values(routes) as RouteDefinition[]).filter((route) => route.access === 'write')
  test.for(writes)('$method $path needs the role write', async ({ method, path: pattern }) => {
    const url = pattern.replace('{namespace}', 'ada').replace(/\{\w+\}/g, 'guide')
    const response = await call(method, url, undefined, ADA_READS)
    expect(response.statusCode).toBe(403)
    expect(response.json().error).toContain('"ada reads" has the role read')
  })

  test('the hardware list is public, and a wrong token does not change that', async () => {
    expect((await app.inject('/v2/provider')).statusCode).toBe(200)
    expect((await call('GET', '/v2/provider', undefined, 'berth_unknown')).statusCode).toBe(200)
  })

  test("a stranger's body is not even read", async () => {
    const payload = '{ not json'
    const headers = { 'content-type': 'application/json' }
    const response = await app.inject({ method: 'POST', url: '/v2/endpoint/ada', headers, payload })
    expect(response.statusCode).toBe(401)
  })
})

describe('what is refused', () => {
  const scaling = (changes: object) => ({
    ...guide,
    compute: { ...guide.compute, scaling: { ...guide.compute.scaling, ...changes } },
  })
  const model = (changes: object) => ({ ...guide, model: { ...guide.model, ...changes } })
  const deep = (levels: number) => JSON.parse(`${'['.repeat(levels)}1${']'.repeat(levels)}`) as object

  test.for<[string, unknown, string, RegExp?]>([
    ['a name that is too long', { ...guide, name: 'x'.repeat(33) }, 'name', /1 to 32/],
    ['a name with capitals', { ...guide, name: 'Guide' }, 'name', /"Guide"/],
    ['a missing name', { ...guide, name: undefined }, 'name', /name is missing/],
    ['a name of the wrong type', { ...guide, name: 7 }, 'name', /name is 7/],
    ['an unknown access type', { ...guide, type: 'open' }, 'type'],
    ['an absurd replica count', scaling({ maxReplica: 1e9 }), 'compute.scaling.maxReplica'],
    ['half a replica', scaling({ minReplica: 0.5 }), 'compute.scaling.minReplica'],
    ['a negative replica count', scaling({ minReplica: -1 }), 'compute.scaling.minReplica'],
    ['a count in words', scaling({ minReplica: 'one' }), 'compute.scaling.minReplica', /"one"/],
    ['an idle time of zero', scaling({ scaleToZeroTimeout: 0 }), 'compute.scaling.scaleToZeroTimeout'],
    ['an unknown field', { ...guide, colour: 'red' }, 'colour', /Unknown field "colour"/],
    ['an unknown field deep inside', scaling({ maxReplicas: 2 }), 'compute.scaling.maxReplicas'],
    ['two engines', model({ image: { echo: {}, custom: {} } }), 'model.image', /custom, echo/],
    ['an unknown engine', model({ image: { ollama: {} } }), 'model.image.ollama'],
    ['a port that is none', model({ image: { custom: { port: 70_000 } } }), 'model.image.custom.port'],
    ['a bad environment name', model({ env: { '1A': 'x' } }), 'model.env.1A'],
    ['an array', [guide], 'body'],
    ['a string', '"guide"', 'body'],
    ['null', 'null', 'body'],
    ['no body', undefined, 'body', /body is missing/],
    ['a body of deep arrays', deep(20_000), '0.0.0', /deeper than 64/],
    ['deep JSON where anything goes', { ...guide, network: deep(5_000) }, 'network.0.0', /deeper than 64/],
    ['a key into the prototype', '{"__proto__": {"admin": true}}', '__proto__'],
    ['one deep inside', '{"model": {"env": {"__proto__": {"a": "b"}}}}', 'model.env.__proto__'],
    ['a constructor', { ...guide, constructor: { prototype: {} } }, 'constructor'],
  ])('%s is refused by its name', async ([, payload, field, message]) => {
    const text = typeof payload === 'string' || payload === undefined ? payload : JSON.stringify(payload)
    const response = await call('POST', '/v2/endpoint/ada', text)
    expect(response.statusCode, response.body).toBe(400)
    const body = ErrorBody.parse(response.json())
    expect(body).toMatchObject({ code: 'invalid', field, retryable: false })
    if (message) expect(body.error).toMatch(message)
    expect(services.stored.size).toBe(0)
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined()
  })

  test.for([
    ['{"name": x}', '"x" at line 1, column 10'],
    ['{"name": "a",\n "type": "b",\n}', '"}" at line 3, column 1'],
    ['[1, 2', 'it ends too early'],
    ['{"a": "b', 'it ends too early'],
    ['{"a": tru}', '"}" at line 1, column 10'],
    ["{'a': 1}", `"'" at line 1, column 2`],
    ['{} {}', '"{" at line 1, column 4'],
    ['{"a": 01}', '"1" at line 1, column 8'],
  ] as const)('%j is refused with the place where it stops being JSON', async ([payload, place]) => {
    const response = await call('POST', '/v2/endpoint/ada', payload)
    expect(response.statusCode).toBe(400)
    expect(response.json().error).toContain(place)
  })

  test('a body that is not UTF-8 is refused', async () => {
    const response = await call('POST', '/v2/endpoint/ada', Buffer.from([0x22, 0xff, 0x22]))
    expect(response.json()).toMatchObject({ code: 'invalid', field: 'body' })
  })

  test('a body of 10 MB is refused with 413', async () => {
    const response = await call('POST', '/v2/endpoint/ada', { ...guide, name: 'x'.repeat(10_000_000) })
    expect(response.statusCode).toBe(413)
    expect(response.json().code).toBe('too_large')
  })

  test.for(['application/x-www-form-urlencoded', 'text/plain', 'application/xml', 'nonsense'])(
    'a body as %s is refused with what to send',
    async (contentType) => {
      const headers = { ...bearer(ADA_WRITES), 'content-type': contentType }
      const payload = JSON.stringify(guide)
      const response = await app.inject({ method: 'POST', url: '/v2/endpoint/ada', headers, payload })
      expect(response.statusCode, response.body).toBe(400)
      expect(response.json()).toMatchObject({ code: 'invalid' })
    },
  )

  test.for([
    ['/v2/endpoint/ada?limit=0', 'limit'],
    ['/v2/endpoint/ada?limit=many', 'limit'],
    ['/v2/endpoint/ada?limit=1&limit=2', 'limit'],
    ['/v2/endpoint/ada?colour=red', 'colour'],
    ['/v2/endpoint/ada?__proto__=x', '__proto__'],
    ['/v2/endpoint/ada/guide?colour=red', 'colour'],
    ['/v2/endpoint/ada/guide/logs?tail=-1', 'tail'],
    ['/v2/endpoint/ada/guide/logs?follow=maybe', 'follow'],
  ] as const)('the query of %s is refused by its name', async ([url, field]) => {
    const response = await call('GET', url)
    expect(response.statusCode, response.body).toBe(400)
    expect(response.json()).toMatchObject({ code: 'invalid', field })
  })

  test('a body where none belongs is refused, an empty one is not', async () => {
    await call('POST', '/v2/endpoint/ada', guide)
    expect((await call('POST', '/v2/endpoint/ada/guide/pause', { force: true })).json().field).toBe('force')
    expect((await call('POST', '/v2/endpoint/ada/guide/pause', {})).statusCode).toBe(200)
    expect((await call('POST', '/v2/endpoint/ada/guide/pause', '')).statusCode).toBe(200)
  })

  test.for(['/v2/nothing', '/hub/api/agent-harnesses', '/v3/endpoint/ada', '/index.php'])(
    '%s is answered with 404 as JSON',
    async (url) => {
      const response = await call('GET', url)
      expect(response.statusCode).toBe(404)
      expect(ErrorBody.parse(response.json())).toMatchObject({ code: 'not_found', reason: 'route' })
      expect(logged).toEqual([])
    },
  )

  test('a method that a path does not have is answered with those it has', async () => {
    const response = await call('PUT', '/v2/endpoint/ada')
    expect(response.statusCode).toBe(404)
    expect(response.json().error).toBe('PUT /v2/endpoint/ada does not exist; GET and POST do.')
  })

  test('an address that cannot be decoded is refused', async () => {
    const response = await call('GET', '/v2/endpoint/%zz')
    expect(response.statusCode).toBe(400)
    expect(ErrorBody.parse(response.json()).code).toBe('invalid')
    expect(response.headers['x-request-id']).toBeDefined()
  })

  test('no JSON whatsoever is answered with an internal error', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('POST /v2/endpoint/ada', 'PUT /v2/endpoint/ada/guide', 'POST /v2/token'),
        fc.oneof(fc.jsonValue(), anyBody),
        async (route, value) => {
          const [method, url] = route.split(' ') as ['POST' | 'PUT', string]
          const response = await call(method, url, JSON.stringify(value))
          expect([200, 400, 404, 409], response.body).toContain(response.statusCode)
          if (response.statusCode !== 200) ErrorBody.parse(response.json())
        },
      ),
      { numRuns: 300 },
    )
    expect(logged).toEqual([])
  })
})

/** A good body with any one part replaced by anything. */
const anyBody = fc
  .tuple(
    fc.constantFrom(
      'name',
      'type',
      'provider',
      'compute',
      'compute.scaling',
      'model',
      'model.image',
      'model.env',
      'tags',
    ),
    fc.jsonValue(),
  )
  .map(([place, value]) => {
    const body = structuredClone(guide) as Record<string, unknown>
    const keys = place.split('.')
    const parent = keys.slice(0, -1).reduce((inner, key) => inner[key] as Record<string, unknown>, body)
    parent[keys.at(-1)!] = value
    return body
  })

describe('failures', () => {
  test('a bug is answered without its message and logged once with the id of the request', async () => {
    services.system = () => Promise.reject(new Error('password is hunter2'))
    const response = await call('GET', '/v2/system')
    const { requestId, ...body } = ErrorBody.parse(response.json())
    expect(response.statusCode).toBe(500)
    expect(JSON.stringify(body)).not.toContain('hunter2')
    expect(logged).toEqual([{ message: 'request failed', fields: expect.objectContaining({ requestId }) }])
  })

  test('anything at all may be thrown', async () => {
    services.system = () => Promise.reject(undefined)
    expect((await call('GET', '/v2/system')).json().code).toBe('internal')
  })

  test("the gateway's request id is taken over when it is one", async () => {
    const ask = (id: string) => app.inject({ url: '/v2/system', headers: { 'x-request-id': id } })
    const taken = await ask('abc-123')
    expect(taken.headers['x-request-id']).toBe('abc-123')
    expect(taken.json().requestId).toBe('abc-123')
    expect((await ask('no spaces')).headers['x-request-id']).not.toBe('no spaces')
    expect((await ask('x'.repeat(65))).headers['x-request-id']).not.toBe('x'.repeat(65))
  })

  test('no answer allows other origins', async () => {
    const headers = { ...bearer(ADA_WRITES), origin: 'http://elsewhere.example' }
    const response = await app.inject({ url: '/v2/system', headers })
    expect(Object.keys(response.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
  })
})

describe('answers that go on', () => {
  let origin: string
  beforeEach(async () => {
    origin = await app.listen({ host: '127.0.0.1', port: 0 })
    await call('POST', '/v2/endpoint/ada', guide)
  })

  /** One open response, and what came so far. */
  async function open(url: string) {
    const request = httpRequest(`${origin}${url}`, { headers: bearer(ADA_WRITES) })
    request.end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    response.setEncoding('utf8')
    let text = ''
    response.on('data', (piece: string) => {
      text += piece
    })
    response.on('error', () => {})
    return {
      response,
      text: () => text,
      until: (what: string) => expect.poll(() => text, { timeout: 5_000 }).toContain(what),
      leave: () => request.destroy(),
    }
  }

  /** A source of log lines in the hands of the test. */
  function lineSource() {
    const waiting: ((step: IteratorResult<string>) => void)[] = []
    const state = { aborted: false, asked: 0 }
    services.logLines = (signal) => {
      signal.addEventListener('abort', () => {
        state.aborted = true
      })
      const next = () =>
        new Promise<IteratorResult<string>>((resolve) => {
          state.asked++
          waiting.push(resolve)
        })
      return { [Symbol.asyncIterator]: () => ({ next }) }
    }
    return {
      state,
      give: async (line: string) => {
        await expect.poll(() => waiting.length).toBeGreaterThan(0)
        waiting.shift()!({ done: false, value: line })
      },
    }
  }

  test('logs are plain text, one line for each line', async () => {
    const response = await call('GET', '/v2/endpoint/ada/guide/logs?tail=5&replica=a')
    expect(response.headers['content-type']).toBe('text/plain; charset=utf-8')
    expect(response.headers['x-request-id']).toBeDefined()
    expect(response.body).toBe('first line\nsecond line\n')
    expect(services.logQueries).toEqual([{ replica: 'a', tail: 5 }])
  })

  test('log lines are cut to the length that was asked for', async () => {
    const response = await call('GET', '/v2/endpoint/ada/guide/logs?line_max_length=3')
    expect(response.body).toBe('fir\nsec\n')
  })

  test('logs as events follow, and a line that holds several becomes one event', async () => {
    services.logLines = async function* () {
      yield 'one'
      yield 'two\nthree\n'
    }
    const response = await call('GET', '/v2/endpoint/ada/guide/logs/sse')
    expect(response.headers['content-type']).toBe('text/event-stream; charset=utf-8')
    expect(response.body).toBe('data: one\n\ndata: two\ndata: three\n\n')
    expect(services.logQueries).toEqual([{ follow: true }])
  })

  test('events have a number, and a client that lost its stream goes on after the last one', async () => {
    const lines = await call('GET', '/v3/endpoint/ada/guide/logs/sse?tail=3')
    expect(lines.body).toMatch(/^id: 2-a\ndata: \{"id":"2-a",.*"line":"as it <comes>",.*\}\n\n$/)
    const first = await call('GET', '/v2/live/ada')
    expect(first.body).toContain('id: none-1\n')
    const again = await app.inject({
      url: '/v2/live/ada',
      headers: { ...bearer(ADA_WRITES), 'last-event-id': '7' },
    })
    expect(again.body).toBe('id: 7-1\ndata: {"type":"ready","id":"7-1","missed":false}\n\n')
  })

  test('pages for Prometheus are text, and show what the caller may see', async () => {
    const endpoint = await call('GET', '/v2/endpoint/ada/guide/open-metrics')
    expect(endpoint.headers['content-type']).toBe('text/plain; charset=utf-8')
    expect(endpoint.body).toBe('http_requests_total{endpoint="guide"} 1\n')
    expect((await call('GET', '/v2/system/metrics')).body).toContain('user="ada"')
    expect((await call('GET', '/v2/live/bob')).statusCode).toBe(403)
  })

  test('a stream about nothing is refused as every other call is', async () => {
    for (const url of ['/v2/endpoint/ada/none/logs', '/v2/endpoint/ada/none/sse']) {
      const response = await call('GET', url)
      expect(response.statusCode).toBe(404)
      expect(response.json().code).toBe('not_found')
    }
  })

  test('an endpoint is sent at once and again after each change', async () => {
    const stream = await open('/v2/endpoint/ada/guide/sse')
    await stream.until('"state":"running"')
    await call('POST', '/v2/endpoint/ada/guide/pause')
    await stream.until('"state":"paused"')
    stream.leave()
  })

  test('headers come before the first line does', async () => {
    lineSource()
    const stream = await open('/v2/endpoint/ada/guide/logs?follow=true')
    expect(stream.response.statusCode).toBe(200)
    stream.leave()
  })

  test('a quiet event stream says that it lives', async () => {
    const source = lineSource()
    const stream = await open('/v2/endpoint/ada/guide/logs/sse')
    await clock.advance(KEEP_ALIVE_MS - 1)
    await source.give('line')
    await stream.until('data: line')
    await clock.advance(KEEP_ALIVE_MS - 1)
    expect(stream.text()).not.toContain('keep-alive')
    await clock.advance(1)
    await stream.until(': keep-alive')
    await source.give('after')
    await stream.until('data: after')
    stream.leave()
  })

  test('the source hears that the client left', async () => {
    const { state } = lineSource()
    const stream = await open('/v2/endpoint/ada/guide/logs/sse')
    await expect.poll(() => state.asked).toBe(1)
    expect(state.aborted).toBe(false)
    stream.leave()
    await expect.poll(() => state.aborted).toBe(true)
    expect(logged).toEqual([])
  })

  test('closing the api ends every stream as complete', async () => {
    const { state } = lineSource()
    const stream = await open('/v2/endpoint/ada/guide/logs/sse')
    const ended = once(stream.response, 'end')
    await app.close()
    await ended
    expect(stream.response.complete).toBe(true)
    expect(state.aborted).toBe(true)
  })

  test('a source is asked for no more than the client takes', async () => {
    let produced = 0
    services.logLines = async function* () {
      for (;;) {
        produced++
        yield 'x'.repeat(64 * 1024)
      }
    }
    const request = httpRequest(`${origin}/v2/endpoint/ada/guide/logs?follow=true`, {
      headers: bearer(ADA_WRITES),
    })
    request.end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    // Nobody reads: once what the buffers hold stops growing, the source stands still.
    let before = -1
    await expect
      .poll(
        () => {
          const standsStill = produced === before && produced > 0
          before = produced
          return standsStill
        },
        { interval: 100, timeout: 10_000 },
      )
      .toBe(true)
    expect(produced).toBeLessThan(1_000)
    response.destroy()
  })

  test('a source that breaks breaks the answer off, and the log says so', async () => {
    services.logLines = async function* () {
      yield 'one'
      throw new Error('disk on fire')
    }
    const stream = await open('/v2/endpoint/ada/guide/logs')
    await expect.poll(() => stream.response.destroyed).toBe(true)
    expect(stream.response.complete).toBe(false)
    expect(logged).toEqual([expect.objectContaining({ message: 'stream broke off' })])
  })
})

describe('pages', () => {
  test('the console is served with a strict policy', async () => {
    for (const url of ['/', '/index.html']) {
      const response = await app.inject(url)
      expect(response.body).toContain('<title>Berth</title>')
      expect(response.headers['content-security-policy']).toContain("default-src 'none'")
      expect(response.headers['content-security-policy']).not.toContain('unsafe')
      expect(response.headers['x-frame-options']).toBe('DENY')
      expect(response.headers['x-content-type-options']).toBe('nosniff')
    }
  })

  test.for(['/endpoints', '/endpoints/admin/guide', '/endpoints/admin/guide/logs?level=error'])(
    '%s is a page of the console, however it was come to',
    async (url) => {
      const response = await app.inject(url)
      expect(response.statusCode).toBe(200)
      expect(response.body).toContain('<title>Berth</title>')
      expect(response.headers['content-security-policy']).toContain("default-src 'none'")
    },
  )

  test('a page that no console has is refused like any unknown path', async () => {
    for (const url of ['/endpointsX', '/v2/endpoint', '/nothing/here']) {
      expect((await app.inject(url)).statusCode, url).toBe(404)
    }
  })

  test.for([
    ['gzip, deflate, br', true],
    ['gzip;q=0.5', true],
    ['br', false],
    ['gzip;q=0, br', false],
    [undefined, false],
  ] as const)('to whoever accepts %s a file is sent compressed: %s', async ([accepted, compressed]) => {
    const response = await app.inject({
      url: '/console-renderer.js',
      headers: accepted ? { 'accept-encoding': accepted } : {},
    })
    expect(response.headers['content-encoding']).toBe(compressed ? 'gzip' : undefined)
    expect(response.headers.vary).toBe('accept-encoding')
    const bytes = compressed ? gunzipSync(response.rawPayload) : response.rawPayload
    expect(bytes.toString()).toBe('export {}')
  })

  test('the compressed form of a file is no file of its own', async () => {
    expect((await app.inject('/console-renderer.js.gz')).statusCode).toBe(404)
  })

  test.for([
    ['/', 'no-cache'],
    ['/console-renderer.js', 'no-cache'],
    ['/assets/sign-renderer.js', 'no-cache'],
    ['/assets/index-B7xY12_a.js', 'public, max-age=31536000, immutable'],
  ] as const)('%s may be cached as %s', async ([url, caching]) => {
    expect((await app.inject(url)).headers['cache-control']).toBe(caching)
  })

  test('a page that did not change is not sent again', async () => {
    const { headers } = await app.inject('/')
    const again = await app.inject({ url: '/', headers: { 'if-none-match': headers.etag } })
    expect(again.statusCode).toBe(304)
    expect(again.body).toBe('')
    expect((await app.inject({ url: '/', headers: { 'if-none-match': '"other"' } })).statusCode).toBe(200)
  })

  test.for([
    '/.env',
    '/../package.json',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/assets/..%2f.env',
    '/assets',
    '/assets//index.html',
  ])('%s is not served', async (url) => {
    expect((await app.inject(url)).statusCode).toBe(404)
  })

  test('an installation without its console still answers calls', async () => {
    const bare = createApi(services, {
      version: '1',
      consoleDirectory: undefined,
      consolePages: ['/endpoints'],
      log: silentLog,
      publicUrl: () => 'http://127.0.0.1',
    })
    expect((await bare.inject('/')).statusCode).toBe(404)
    expect((await bare.inject('/v2/provider')).statusCode).toBe(200)
    await bare.close()
  })

  test('the description of the API names this installation', async () => {
    for (const url of ['/openapi.json', '/v2/openapi.json']) {
      const document = (await app.inject(url)).json()
      expect(document.info.version).toBe('1.2.3')
      expect(document.servers).toEqual([{ url: 'http://127.0.0.1:8080' }])
    }
  })

  test('the docs page and what it loads come from here', async () => {
    const page = await app.inject('/docs')
    expect(page.headers['content-security-policy']).toContain("default-src 'none'")
    const loaded = [...page.body.matchAll(/(?:src|href)="([^"#]+)"/g)].map((match) => match[1]!)
    expect(loaded.length).toBeGreaterThanOrEqual(2)
    for (const url of loaded) {
      expect(url).toMatch(/^\//)
      expect((await app.inject(url)).statusCode).toBe(200)
    }
    expect(page.body).not.toMatch(/<script>|<style>|style=|onclick=/)
  })
})
