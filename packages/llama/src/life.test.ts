import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { PRESETS, writeRandomModel } from '../../../tools/gguf/random-model.ts'
import { Engine } from './engine.ts'
import { BODY_LIMIT_BYTES } from './exchange.ts'
import { HttpServer } from './http-server.ts'
import {
  type EngineProcess,
  eventsOf,
  GUIDE,
  runEngine,
  startEngine,
  until,
} from './testing/engine-process.ts'

let directory: string
let tiny: string
let embed: string
const running: EngineProcess[] = []

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'berth-llama-'))
  tiny = path.join(directory, 'tiny.gguf')
  embed = path.join(directory, 'embed.gguf')
  writeRandomModel(tiny, PRESETS.tiny, 'tiny', 1)
  writeRandomModel(embed, PRESETS.embed, 'embed', 1)
})
afterAll(() => rm(directory, { recursive: true, maxRetries: 10 }))
afterEach(() => Promise.all(running.splice(0).map((engine) => engine.stop())))

async function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const engine = await startEngine(args, env)
  running.push(engine)
  return engine
}

/** Goes on until the slot is full, whatever the model says. */
const ENDLESS = { messages: [{ role: 'user', content: 'go on' }], ignore_eos: true, stream: true }

const busySlots = async (engine: EngineProcess) =>
  ((await (await engine.get('/slots')).json()) as { is_processing: boolean }[]).filter(
    (slot) => slot.is_processing,
  ).length

const metric = async (engine: EngineProcess, name: string) => {
  const page = await (await engine.get('/metrics')).text()
  return Number(new RegExp(`^llamacpp:${name} (.*)$`, 'm').exec(page)?.[1])
}

describe('an engine that loads', () => {
  test('already listens, says that it loads, and is healthy when it is ready', async () => {
    const ready = Promise.withResolvers<Engine>()
    const server = new HttpServer(ready.promise, [], () => undefined)
    const { port } = await server.listen('127.0.0.1', 0)
    const url = `http://127.0.0.1:${port}`

    const loading = await fetch(`${url}/health`)
    expect(loading.status).toBe(503)
    expect(await loading.json()).toEqual({
      error: { code: 503, message: 'Loading model', type: 'unavailable_error' },
    })
    expect((await fetch(`${url}/v1/models`)).status).toBe(503)

    const settings = { modelPath: GUIDE, host: '', port: 0, contextTokens: 512, slots: 1, threads: 1 }
    ready.resolve(
      await Engine.open(
        { ...settings, alias: 'guide', embeddings: false, gpuLayers: 0, queueLimit: 1, apiKeys: [] },
        () => undefined,
      ),
    )
    const healthy = await fetch(`${url}/health`)
    expect(healthy.status).toBe(200)
    expect(await healthy.json()).toEqual({ status: 'ok' })
    await server.drain()
  })

  test('ends with a sentence when the model is none', async () => {
    const { code, output } = await runEngine(['-m', path.join(directory, 'none.gguf'), '--port', '0'])
    expect(code).toBe(1)
    expect(output).toContain('none.gguf')
    const notGguf = await runEngine(['-m', new URL(import.meta.url).pathname, '--port', '0'])
    expect(notGguf.code).toBe(1)
    expect(notGguf.output).toContain('not a GGUF file')
  })
})

test.skipIf(process.platform === 'darwin')(
  'GPU layers without a GPU are refused, not computed slowly',
  async () => {
    const { code, output } = await runEngine(['-m', tiny, '--port', '0', '--n-gpu-layers', '99'])
    expect(code).toBe(1)
    expect(output).toMatch(/GPU layers are asked for/)
  },
)

test('an engine outlives the process that started it', async () => {
  const program = new URL('./llama-main.ts', import.meta.url).pathname
  const log = path.join(directory, 'orphan.log')
  const starter = `
    const { openSync } = require('node:fs')
    const log = openSync(${JSON.stringify(log)}, 'w')
    const args = [${JSON.stringify(program)}, '-m', ${JSON.stringify(tiny)}, '--port', '0']
    const child = require('node:child_process').spawn(process.execPath, args, {
      detached: true,
      stdio: ['ignore', 'pipe', log],
    })
    process.stdout.write(String(child.pid), () => process.exit(0))
  `
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', starter])
  const pid = Number(stdout)
  try {
    const logged = () => readFileSync(log, 'utf8')
    await until(() => logged().includes('ready:'), logged)
    const url = /listening on (\S+)/.exec(logged())?.[1]
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ ...ENDLESS, stream: false, max_tokens: 5 }),
    })
    expect(answer.status).toBe(200)
  } finally {
    process.kill(pid, 'SIGKILL')
  }
})

test('every route but health asks for the key', async () => {
  const engine = await start(['-m', tiny], { LLAMA_API_KEY: 'secret,second' })
  expect((await engine.get('/health')).status).toBe(200)
  expect((await engine.get('/v1/health')).status).toBe(200)
  for (const path of ['/v1/models', '/metrics', '/slots', '/props', '/nowhere']) {
    expect((await engine.get(path)).status, path).toBe(401)
  }
  const withKey = (value: string) => fetch(`${engine.url}/v1/models`, { headers: { authorization: value } })
  expect((await withKey('Bearer wrong')).status).toBe(401)
  expect((await withKey('Bearer secret')).status).toBe(200)
  expect((await withKey('Bearer second')).status).toBe(200)
})

describe('a slot', () => {
  test('is free at once when its client leaves', async () => {
    const engine = await start(['-m', tiny, '-c', '2048'])
    const leave = new AbortController()
    const response = await engine.post('/v1/chat/completions', ENDLESS, { signal: leave.signal })
    await eventsOf(response).next()
    expect(await busySlots(engine)).toBe(1)
    leave.abort()
    await until(
      async () => (await busySlots(engine)) === 0,
      () => 'the slot stayed busy',
    )
    // Far from the end of the context: it was cut short.
    expect(await metric(engine, 'tokens_predicted_total')).toBeLessThan(1900)
  })

  test('is not waited for by a client that left', async () => {
    const engine = await start(['-m', tiny, '-c', '2048'])
    const first = await engine.post('/v1/chat/completions', ENDLESS)
    const leave = new AbortController()
    const second = engine.post('/v1/chat/completions', ENDLESS, { signal: leave.signal })
    await until(
      async () => (await metric(engine, 'requests_deferred')) === 1,
      () => 'nothing waits',
    )
    leave.abort()
    await expect(second).rejects.toThrow()
    await until(
      async () => (await metric(engine, 'requests_deferred')) === 0,
      () => 'it still waits',
    )
    await first.body?.cancel()
  })

  test('is one of several that work in the same batch', async () => {
    const engine = await start(['-m', tiny, '-c', '4096', '-np', '4'])
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => engine.post('/v1/chat/completions', { ...ENDLESS, max_tokens: 200 })),
    )
    await Promise.all(answers.map((answer) => answer.text()))
    expect(await metric(engine, 'n_busy_slots_per_decode')).toBeGreaterThan(1.5)
  })
})

test('more requests than may wait are refused, with the time to come back', async () => {
  const engine = await start(['-m', tiny, '-c', '2048', '--queue', '1'])
  const first = await engine.post('/v1/chat/completions', ENDLESS)
  const leave = new AbortController()
  const second = engine.post('/v1/chat/completions', ENDLESS, { signal: leave.signal }).catch(() => undefined)
  await until(
    async () => (await metric(engine, 'requests_deferred')) === 1,
    () => 'nothing waits',
  )
  const third = await engine.post('/v1/chat/completions', ENDLESS)
  expect(third.status).toBe(503)
  expect(third.headers.get('retry-after')).toBe('1')
  expect(await third.json()).toMatchObject({ error: { code: 503, type: 'unavailable_error' } })
  leave.abort()
  await second
  await first.body?.cancel()
})

describe('SIGTERM', () => {
  test('lets what runs finish, takes nothing new, and ends with 0', async () => {
    const engine = await start(['-m', tiny, '-c', '2048'])
    const exited = once(engine.child, 'exit')
    const response = await engine.post('/v1/chat/completions', { ...ENDLESS, max_tokens: 1500 })
    const events = eventsOf(response)
    await events.next()
    engine.child.kill('SIGTERM')
    await until(
      () => engine.log().includes('SIGTERM'),
      () => 'it did not hear',
    )
    const refused = await engine.get('/health').then(
      ({ status }) => status,
      () => 'no connection',
    )
    expect(refused).not.toBe(200)
    const rest = await Array.fromAsync(events)
    expect(rest.at(-1)).toBe('[DONE]')
    expect(JSON.parse(rest.at(-2) as string).choices[0].finish_reason).toBe('length')
    expect(await exited).toEqual([0, null])
  })

  test('ends an idle engine, even when a client keeps a connection open', async () => {
    const engine = await start(['-m', tiny])
    expect((await engine.get('/health')).status).toBe(200)
    const exited = once(engine.child, 'exit')
    engine.child.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
  })

  test('ends it at once when it comes twice', async () => {
    const engine = await start(['-m', tiny, '-c', '2048'])
    const exited = once(engine.child, 'exit')
    const response = await engine.post('/v1/chat/completions', ENDLESS)
    const events = eventsOf(response)
    await events.next()
    engine.child.kill('SIGTERM')
    await until(
      () => engine.log().includes('SIGTERM'),
      () => 'it did not hear',
    )
    engine.child.kill('SIGTERM')
    expect(await exited).toEqual([1, null])
    await expect(Array.fromAsync(events)).rejects.toThrow()
  })
})

describe('embeddings', () => {
  test('are vectors of length 1 that depend on the text alone', async () => {
    const engine = await start(['-m', embed, '--embeddings', '--alias', 'embed'])
    const ask = async (body: object) => {
      const response = await engine.post('/v1/embeddings', body)
      expect(response.status).toBe(200)
      return (await response.json()) as { data: { embedding: number[]; index: number }[]; usage: object }
    }
    const { data, usage } = await ask({ input: ['hello', 'world', 'hello'] })
    const [first, second, third] = data.map(({ embedding }) => embedding) as [number[], number[], number[]]
    expect(first).toHaveLength(64)
    expect(Math.hypot(...first)).toBeCloseTo(1, 5)
    expect(third).toEqual(first)
    expect(second).not.toEqual(first)
    expect(data.map(({ index }) => index)).toEqual([0, 1, 2])
    expect(usage).toEqual({ prompt_tokens: 21, total_tokens: 21 })

    const encoded = await ask({ input: 'hello', encoding_format: 'base64' })
    const bytes = Buffer.from(encoded.data[0]?.embedding as unknown as string, 'base64')
    expect(bytes.readFloatLE(0)).toBeCloseTo(first[0] as number, 6)

    const chat = await engine.post('/v1/chat/completions', ENDLESS)
    expect(chat.status).toBe(501)
  })

  test('are refused by an engine that generates', async () => {
    const engine = await start(['-m', tiny])
    const response = await engine.post('/v1/embeddings', { input: 'x' })
    expect(response.status).toBe(501)
    expect(await response.json()).toMatchObject({ error: { type: 'not_supported_error' } })
  })

  test('of too long a text are refused with both numbers', async () => {
    const engine = await start(['-m', embed])
    const response = await engine.post('/v1/embeddings', { input: 'x '.repeat(600) })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      error: { type: 'exceed_context_size_error', n_prompt_tokens: 602, n_ctx: 512 },
    })
  })
})

test('what is no request is refused with the right status', async () => {
  const engine = await start(['-m', tiny, '--alias', 'tiny'])
  const status = async (response: Promise<Response>) => {
    const { status: code, headers } = await response
    return [code, headers.get('allow')]
  }
  expect(await status(engine.get('/nowhere'))).toEqual([404, null])
  expect(await status(engine.get('/v1/chat/completions'))).toEqual([405, 'POST'])
  expect(await status(engine.post('/health', {}))).toEqual([405, 'GET'])
  const url = `${engine.url}/v1/chat/completions`
  expect(await status(fetch(url, { method: 'POST', body: '{"messages": [' }))).toEqual([400, null])
  expect(await status(fetch(url, { method: 'POST', body: '[]' }))).toEqual([400, null])
  const large = 'x'.repeat(BODY_LIMIT_BYTES + 1)
  const tooLarge = await fetch(url, { method: 'POST', body: large }).then(
    ({ status: code }) => code,
    // The connection is closed before everything is sent, and a client may notice that first.
    () => 'closed',
  )
  expect([413, 'closed']).toContain(tooLarge)
  expect(await (await engine.get('/v1/models')).json()).toMatchObject({
    data: [{ id: 'tiny', object: 'model' }],
  })
  expect(await (await engine.get('/props')).json()).toMatchObject({ total_slots: 1, model_alias: 'tiny' })
})
