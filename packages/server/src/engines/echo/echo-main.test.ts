import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import path from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'

const PROGRAM = path.join(import.meta.dirname, 'echo-main.ts')
const KEY = 'test-key'
const DEADLINE_MS = 10_000
/** An answer comes within a few milliseconds; after so many none is coming. */
const SILENCE_MS = 300
const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}

async function launch(...flags: string[]) {
  const port = await freePort()
  const child = spawn(
    process.execPath,
    [PROGRAM, '--host', '127.0.0.1', '--port', String(port), '--alias', 'acme/echo', ...flags],
    { env: { ECHO_API_KEY: KEY }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  children.push(child)
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  const url = `http://127.0.0.1:${port}`
  const ask = (route: string, body?: unknown, init: RequestInit = {}) =>
    fetch(url + route, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${KEY}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...init,
    })
  const chat = (content: string, more: object = {}, init: RequestInit = {}) =>
    ask('/v1/chat/completions', { model: 'x', messages: [{ role: 'user', content }], ...more }, init)
  const health = () =>
    fetch(`${url}/health`).then(
      (response) => response.status,
      () => 'refused' as const,
    )
  return { child, exited, url, ask, chat, health }
}

async function start(...flags: string[]) {
  const echo = await launch(...flags)
  await until(async () => (await echo.health()) === 200)
  return echo
}

async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error('it did not become so in time')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function events(response: Response): Promise<Record<string, unknown>[]> {
  const lines = (await response.text()).split('\n\n').filter(Boolean)
  expect(lines.at(-1)).toBe('data: [DONE]')
  return lines.slice(0, -1).map((line) => JSON.parse(line.slice('data: '.length)))
}
const deltas = (chunks: Record<string, unknown>[]) =>
  chunks.flatMap((chunk) =>
    (chunk['choices'] as { delta: { content?: string } }[]).map(({ delta }) => delta.content),
  )

async function embeddings(echo: Awaited<ReturnType<typeof start>>, body: object) {
  const answer = await (await echo.ask('/v1/embeddings', body)).json()
  return (answer as { data: { embedding: number[] | string }[] }).data.map(({ embedding }) => embedding)
}

async function gauge(echo: Awaited<ReturnType<typeof start>>, name: string): Promise<number> {
  const page = await (await echo.ask('/metrics')).text()
  return Number(new RegExp(`^echo:${name} (\\d+)$`, 'm').exec(page)?.[1])
}

describe('answers', () => {
  test('repeat the last user message, count words as tokens, and stop at max_tokens', async () => {
    const echo = await start()
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'first' },
      { role: 'user', content: [{ type: 'text', text: 'one two\n three' }] },
    ]
    expect(await (await echo.ask('/v1/chat/completions', { messages })).json()).toMatchObject({
      object: 'chat.completion',
      model: 'acme/echo',
      choices: [
        { index: 0, message: { role: 'assistant', content: 'one two\n three' }, finish_reason: 'stop' },
      ],
      usage: { prompt_tokens: 6, completion_tokens: 3, total_tokens: 9 },
    })
    expect(await (await echo.chat('one two three', { max_tokens: 2 })).json()).toMatchObject({
      choices: [{ message: { content: 'one two' }, finish_reason: 'length' }],
    })
  })

  test('stream word by word, say their role once and their usage when asked', async () => {
    const echo = await start()
    const response = await echo.chat('one two three', {
      stream: true,
      stream_options: { include_usage: true },
    })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const chunks = await events(response)
    expect(deltas(chunks)).toEqual(['one', ' two', ' three', undefined])
    expect(chunks[0]).toMatchObject({
      object: 'chat.completion.chunk',
      choices: [{ delta: { role: 'assistant' } }],
    })
    expect(chunks.at(-2)).toMatchObject({ choices: [{ delta: {}, finish_reason: 'stop' }] })
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 3 } })
    expect(new Set(chunks.map((chunk) => chunk['id'])).size).toBe(1)
  })

  test('complete a plain prompt too', async () => {
    const echo = await start()
    expect(await (await echo.ask('/v1/completions', { prompt: 'a b' })).json()).toMatchObject({
      object: 'text_completion',
      choices: [{ text: 'a b', finish_reason: 'stop' }],
    })
  })

  test('embed the same text always the same, as numbers and as base64', async () => {
    const echo = await start()
    const plain = await embeddings(echo, { input: ['a cat', 'a dog', 'a cat'] })
    const [cat, dog, again] = plain as number[][]
    expect(cat).toEqual(again)
    expect(cat).not.toEqual(dog)
    expect(Math.hypot(...cat!)).toBeCloseTo(1)
    const coded = await embeddings(echo, { input: 'a cat', encoding_format: 'base64' })
    const bytes = Uint8Array.from(Buffer.from(coded[0] as string, 'base64'))
    expect([...new Float32Array(bytes.buffer)]).toEqual(cat)
  })

  test('send any body to / back as it came', async () => {
    const echo = await start()
    const body = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251))
    const response = await echo.ask('/', undefined, {
      method: 'POST',
      body,
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'audio/flac' },
    })
    expect(response.headers.get('content-type')).toBe('audio/flac')
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true)
  })

  test('list one model, under the name it was given', async () => {
    const echo = await start()
    expect(await (await echo.ask('/v1/models')).json()).toMatchObject({ data: [{ id: 'acme/echo' }] })
  })
})

describe('refusals', () => {
  test('only health is answered without the key', async () => {
    const echo = await start()
    for (const authorization of ['', 'Bearer wrong', `Bearer ${KEY}x`, KEY]) {
      const response = await echo.ask('/v1/models', undefined, { headers: { authorization } })
      expect(response.status).toBe(401)
      expect(await response.json()).toMatchObject({ error: { code: 401 } })
    }
    expect(await echo.health()).toBe(200)
  })

  test.for<[number, string, string]>([
    [400, '/v1/chat/completions', '{'],
    [400, '/v1/chat/completions', '[]'],
    [400, '/v1/chat/completions', '{"messages":[]}'],
    [400, '/v1/chat/completions', '{"messages":[null]}'],
    [400, '/v1/completions', '{}'],
    [400, '/v1/embeddings', '{"input":[1]}'],
    [413, '/v1/chat/completions', 'x'.repeat(17 * 2 ** 20)],
    [404, '/v1/unknown', '{}'],
  ])('%i for %s', async ([status, route, body]) => {
    const echo = await start()
    const response = await echo.ask(route, undefined, { method: 'POST', body })
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error: { code: status } })
  })

  test('an unknown flag is named, and the exit code is 2', async () => {
    const echo = await launch('--colour', 'red')
    const [message] = await once(echo.child.stderr!, 'data')
    expect(String(message)).toContain('cannot use "--colour"')
    expect(await echo.exited).toMatchObject({ code: 2 })
  })
})

describe('as told, it', () => {
  test('loads first: health and requests are 503 until it is ready', async () => {
    const echo = await launch('--start-ms', '300')
    await until(async () => (await echo.health()) === 503)
    expect((await echo.chat('hi')).status).toBe(503)
    await until(async () => (await echo.health()) === 200)
    expect((await echo.chat('hi')).status).toBe(200)
  })

  test('answers its health on another route', async () => {
    const echo = await start('--health-route', '/ready')
    expect((await fetch(`${echo.url}/ready`)).status).toBe(200)
  })

  test('ends with a code instead of getting ready', async () => {
    const echo = await launch('--crash-on-start', '7')
    expect(await echo.exited).toMatchObject({ code: 7 })
  })

  test('crashes after so many answers, each of them whole', async () => {
    const echo = await start('--crash-after-requests', '2')
    expect(await (await echo.chat('one')).json()).toHaveProperty('choices')
    expect(await (await echo.chat('two')).json()).toHaveProperty('choices')
    expect(await echo.exited).toMatchObject({ code: 1 })
  })

  test('freezes: connections are taken and nothing is answered any more', async () => {
    const echo = await start('--freeze-after-requests', '1')
    await (await echo.chat('one')).json()
    const asked = [
      fetch(`${echo.url}/health`, { signal: AbortSignal.timeout(SILENCE_MS) }),
      echo.chat('two', {}, { signal: AbortSignal.timeout(SILENCE_MS) }),
    ]
    for (const one of asked) await expect(one).rejects.toMatchObject({ name: 'TimeoutError' })
    expect(await connected(echo.url)).toBe('connected')
  })

  test('turns into a zombie: healthy, and requests hang', async () => {
    const echo = await start('--zombie-after-requests', '1')
    await (await echo.chat('one')).json()
    const gone = new AbortController()
    const next = echo.chat('two', {}, { signal: gone.signal })
    await expect(Promise.race([next, echo.health()])).resolves.toBe(200)
    gone.abort()
    await expect(next).rejects.toThrow()
  })

  test('answers every request with an error', async () => {
    const echo = await start('--error-status', '529')
    expect((await echo.chat('hi')).status).toBe(529)
    expect(await echo.health()).toBe(200)
  })

  test('serves so many at once; the rest wait inside, and those who leave free their place', async () => {
    const echo = await start('--parallel', '1', '--first-token-ms', '60000')
    const clients = Array.from({ length: 3 }, () => new AbortController())
    const answers = clients.map(({ signal }) => echo.chat('hi', {}, { signal }).catch(() => 'left'))
    await until(async () => (await gauge(echo, 'requests_deferred')) === 2)
    expect(await gauge(echo, 'requests_processing')).toBe(1)
    for (const left of [2, 1, 0]) {
      clients[left]!.abort()
      await until(async () => (await gauge(echo, 'requests_deferred')) === Math.max(0, left - 1))
    }
    await until(async () => (await gauge(echo, 'requests_processing')) === 0)
    expect(await Promise.all(answers)).toEqual(['left', 'left', 'left'])
  })
})

describe('on SIGTERM it', () => {
  test('takes nothing new, finishes what runs, and ends with 0', async () => {
    const echo = await start('--token-ms', '20')
    const response = await echo.chat(Array(20).fill('word').join(' '), { stream: true })
    echo.child.kill('SIGTERM')
    await until(async () => (await echo.health()) === 'refused')
    expect(deltas(await events(response))).toHaveLength(21)
    expect(await echo.exited).toEqual({ code: 0, signal: null })
  })

  test('ends at once when told twice, or while it loads', async () => {
    const busy = await start('--first-token-ms', '60000')
    const request = busy.chat('hi').catch(() => 'broken off')
    await until(async () => (await gauge(busy, 'requests_processing')) === 1)
    busy.child.kill('SIGTERM')
    await until(async () => (await busy.health()) === 'refused')
    busy.child.kill('SIGTERM')
    expect(await busy.exited).toMatchObject({ code: 0 })
    expect(await request).toBe('broken off')

    const loading = await launch('--start-ms', '60000')
    await until(async () => (await loading.health()) === 503)
    loading.child.kill('SIGTERM')
    expect(await loading.exited).toMatchObject({ code: 0 })
  })
})

async function connected(url: string): Promise<'connected'> {
  const { connect } = await import('node:net')
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  await once(socket, 'connect')
  socket.destroy()
  return 'connected'
}
