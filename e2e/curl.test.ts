/** What a person with curl sees: plain, streamed, held, refused. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Berth, endpointOf } from './berth-process.ts'

let berth: Berth
beforeAll(async () => {
  berth = await Berth.start()
  await berth.deploy(
    endpointOf(
      'echo',
      { echo: { startMs: 1_500, tokenMs: 5 } },
      { scaling: { minReplica: 0, maxReplica: 1 } },
    ),
  )
})
afterAll(async () => {
  await berth?.stop()
})

const place = () => ({ params: { namespace: berth.namespace, name: 'echo' } })
const path = () => `/e/${berth.namespace}/echo/v1/chat/completions`

async function curl(route: string, ...args: string[]) {
  const { stdout } = await promisify(execFile)('curl', [
    ...['--silent', '--show-error', '--no-buffer', '--max-time', '60', '--include'],
    ...args,
    berth.url + route,
  ])
  const [head, ...body] = stdout.split('\r\n\r\n')
  const [status, ...lines] = head!.split('\r\n')
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  )
  return { status: Number(status!.split(' ')[1]), headers, body: body.join('\r\n\r\n') }
}
const key = () => ['-H', `Authorization: Bearer ${berth.token}`]
const chat = (more: object = {}) => [
  ...['-H', 'Content-Type: application/json', '-d'],
  JSON.stringify({ messages: [{ role: 'user', content: 'a b c' }], ...more }),
]

describe('a running endpoint', () => {
  test('answers', async () => {
    const { status, headers, body } = await curl(path(), ...key(), ...chat())
    expect(status).toBe(200)
    expect(headers.get('x-request-id')).toMatch(/\S/)
    expect(JSON.parse(body).choices[0].message.content).toBe('a b c')
  })

  test('streams, and ends with [DONE]', async () => {
    const { headers, body } = await curl(path(), ...key(), ...chat({ stream: true }))
    expect(headers.get('content-type')).toContain('text/event-stream')
    expect(body.trimEnd().endsWith('data: [DONE]')).toBe(true)
    expect(body.match(/^data: \{/gm)).toHaveLength(4)
  })

  test('keeps the caller’s request id', async () => {
    const { headers } = await curl(path(), ...key(), ...chat(), '-H', 'X-Request-Id: from-curl-1')
    expect(headers.get('x-request-id')).toBe('from-curl-1')
  })
})

describe('a sleeping endpoint', () => {
  async function asleep() {
    await berth.client.scaleEndpointToZero(place())
    await berth.reach('echo', 'scaledToZero')
  }

  test('says at once that it wakes when the caller does not want to wait', async () => {
    await asleep()
    const { status, headers, body } = await curl(path(), ...key(), ...chat(), '-H', 'X-Scale-Up-Timeout: 0')
    expect(status).toBe(503)
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    expect(JSON.parse(body)).toMatchObject({
      code: 'waking',
      retryable: true,
      error: { message: expect.any(String) },
    })
    await berth.reach('echo', 'running')
  })

  test('holds the request until it is awake', async () => {
    await asleep()
    const { status, body } = await curl(path(), ...key(), ...chat())
    expect(status).toBe(200)
    expect(JSON.parse(body).choices[0].message.content).toBe('a b c')
  })

  test('tells a waiting stream that it is alive', async () => {
    await asleep()
    const { status, body } = await curl(path(), ...key(), ...chat({ stream: true }))
    expect(status).toBe(200)
    expect(body).toMatch(/^: /m)
    expect(body.trimEnd().endsWith('data: [DONE]')).toBe(true)
  })
})

describe('a refusal is JSON with a sentence', () => {
  test.for<{ what: string; status: number; code: string; route: () => string; args: () => string[] }>([
    { what: 'without a token', status: 401, code: 'unauthenticated', route: path, args: () => chat() },
    {
      what: 'with a wrong token',
      status: 401,
      code: 'unauthenticated',
      route: path,
      args: () => [...chat(), '-H', 'Authorization: Bearer berth_wrong'],
    },
    {
      what: 'for an unknown endpoint',
      status: 404,
      code: 'not_found',
      route: () => `/e/${berth.namespace}/nobody/v1/chat/completions`,
      args: () => [...key(), ...chat()],
    },
    {
      what: 'for an unknown route of the API',
      status: 404,
      code: 'not_found',
      route: () => '/v2/nothing',
      args: key,
    },
    {
      what: 'for a body that is not JSON',
      status: 400,
      code: 'invalid',
      route: () => `/v2/endpoint/${berth.namespace}`,
      args: () => [...key(), '-H', 'Content-Type: application/json', '-d', '{"name":'],
    },
  ])('$what: $status', async ({ status, code, route, args }) => {
    const answer = await curl(route(), ...args())
    expect(answer.status).toBe(status)
    const { error, ...body } = JSON.parse(answer.body)
    expect(body).toMatchObject({ code })
    expect(route().includes('/v1/') ? error.message : error).toMatch(/\w+ \w+/)
    expect(answer.headers.get('x-request-id')).toMatch(/\S/)
  })

  test('of a paused endpoint: 503, and only a person can change that', async () => {
    await berth.client.pauseEndpoint(place())
    await berth.reach('echo', 'paused')
    const { status, body } = await curl(path(), ...key(), ...chat())
    expect(status).toBe(503)
    expect(JSON.parse(body)).toMatchObject({ code: 'paused', retryable: false })
    await berth.client.resumeEndpoint(place())
    await berth.reach('echo', 'running')
  })
})

test('every one of a hundred changes in a row is answered with what it did', async () => {
  const { namespace, name } = place().params
  for (let number = 1; number <= 100; number++) {
    const { status, body } = await curl(
      `/v2/endpoint/${namespace}/${name}`,
      ...['--request', 'PUT', '-H', 'Content-Type: application/json', ...key()],
      ...['-d', JSON.stringify({ tags: [`change-${number}`] })],
    )
    expect({ status, tags: JSON.parse(body).tags }).toEqual({ status: 200, tags: [`change-${number}`] })
  }
})

test('a public endpoint answers without a token', async () => {
  await berth.deploy(endpointOf('open', { echo: {} }, { type: 'public' }))
  const { status } = await curl(`/e/${berth.namespace}/open/v1/chat/completions`, ...chat())
  expect(status).toBe(200)
})
