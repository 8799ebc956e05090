/** How a gateway translates task calls for engines without routes for them, as tests; a part of `conformance.ts`. */
import { describe, expect, test } from 'vitest'
import type { TaskTarget } from '../domain/tasks/task-route.ts'
import type { RoutedEndpoint } from '../link/messages.ts'
import { type Handler, type OpenGateway, rigsOf, soon } from './conformance-rig.ts'
import type { GatewayLimits } from './limits.ts'

const ROOT = '/e/acme/chat'
const TEXT: TaskTarget = { engine: 'llamacpp', serves: 'text', servedName: 'acme/chat' }
const EMBEDDINGS: TaskTarget = { ...TEXT, serves: 'embeddings' }

const answering =
  (status: number, answer: unknown): Handler =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
  }
const completion = answering(200, {
  choices: [{ text: ' upon', finish_reason: 'stop' }],
  usage: { prompt_tokens: 4, completion_tokens: 1 },
})

/** Cut in the middle of events and of a letter, as networks do. */
const streaming: Handler = (_request, response) => {
  const events = Buffer.from(
    [{ choices: [{ text: ' ü' }] }, { choices: [{ text: 'p', finish_reason: 'stop' }] }]
      .map((event) => `data: ${JSON.stringify(event)}\n\n`)
      .join('') +
      'data: {"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2}}\n\ndata: [DONE]\n\n',
  )
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const cut = events.indexOf('ü') + 1
  response.write(events.subarray(0, cut), () => setImmediate(() => response.end(events.subarray(cut))))
}

export function describeTasks(name: string, openGateway: OpenGateway): void {
  const { runningRig } = rigsOf(openGateway)

  async function rigWith(
    tasks: TaskTarget | undefined,
    handler: Handler,
    { limits, ...changes }: Partial<RoutedEndpoint> & { limits?: Partial<GatewayLimits> } = {},
  ) {
    const rig = await runningRig(limits)
    const engine = await rig.engine('r1', handler)
    rig.put('chat', { replicas: [engine.replica], ...(tasks && { tasks }), ...changes })
    const ask = (body: unknown, url = ROOT, headers: Record<string, string> = {}) =>
      rig.call(url, {
        body: typeof body === 'string' ? body : JSON.stringify(body),
        headers: { 'content-type': 'application/json', ...headers },
      })
    return { rig, engine, ask }
  }

  describe(`${name}: task calls`, () => {
    test('a text generation becomes a completion, and its answer what the client waits for', async () => {
      const { rig, engine, ask } = await rigWith(TEXT, completion)
      const answer = await ask({ inputs: 'Once', parameters: { max_new_tokens: 5 } }, ROOT, {
        'accept-encoding': 'gzip',
      })

      expect(answer.status).toBe(200)
      expect(answer.json).toEqual([{ generated_text: ' upon' }])
      const { request, body } = engine.received[0]!
      expect(request.url).toBe('/v1/completions')
      expect(JSON.parse(body.toString())).toEqual({
        model: 'acme/chat',
        prompt: 'Once',
        max_tokens: 5,
        temperature: 0,
      })
      expect(request.headers).toMatchObject({
        'content-type': 'application/json',
        'content-length': String(body.length),
        authorization: 'Bearer key-r1',
      })
      expect(request.headers['accept-encoding']).toBeUndefined()
      await soon(() => expect(rig.usage).toMatchObject([{ inputTokens: 4, outputTokens: 1, status: 200 }]))
    })

    test('what a client calls it does not matter: curl sends a form', async () => {
      const { engine, ask } = await rigWith(TEXT, completion)
      await ask({ inputs: 'Once' }, `${ROOT}/?x=1`, { 'content-type': 'application/x-www-form-urlencoded' })
      expect(engine.received[0]?.request.headers['content-type']).toBe('application/json')
    })

    test('a stream is retold event by event, wherever the network cuts it', async () => {
      const { rig, ask } = await rigWith(TEXT, streaming)
      const answer = await ask({ inputs: 'Once', stream: true })
      expect(answer.headers['content-type']).toBe('text/event-stream')
      const events = answer.text
        .split('\n\n')
        .filter((event) => event !== '')
        .map((event) => JSON.parse(event.slice('data:'.length)))
      expect(events.map(({ token }) => token.text)).toEqual([' ü', 'p', ''])
      expect(events.at(-1)).toMatchObject({ generated_text: ' üp' })
      await soon(() =>
        expect(rig.usage).toMatchObject([{ inputTokens: 4, outputTokens: 2, isEstimated: false }]),
      )
    })

    test('vectors and similarities are answered from embeddings', async () => {
      const data = [
        { index: 0, embedding: [1, 0] },
        { index: 1, embedding: [1, 0] },
      ]
      const { ask } = await rigWith(EMBEDDINGS, answering(200, { data }))
      expect((await ask({ inputs: ['a', 'b'] })).json).toEqual([
        [1, 0],
        [1, 0],
      ])
      expect((await ask({ inputs: { source_sentence: 'a', sentences: ['b'] } })).json).toEqual([1])
    })

    test('a parameter that the engine does not have is refused by name, and nobody is asked', async () => {
      const { engine, ask } = await rigWith(TEXT, completion)
      const answer = await ask({ inputs: 'Once', parameters: { watermark: true } })
      expect(answer.status).toBe(400)
      expect(answer.json).toMatchObject({ code: 'invalid', field: 'parameters.watermark' })
      expect(engine.received).toEqual([])
    })

    test('an engine’s refusal comes in words that these clients read, and is not tried again', async () => {
      const { engine, ask } = await rigWith(
        TEXT,
        answering(400, { error: { message: 'too long', code: 400 } }),
      )
      const answer = await ask({ inputs: 'Once' })
      expect(answer.status).toBe(400)
      expect(answer.json).toEqual({ error: 'too long', error_type: 'validation' })
      expect(engine.received).toHaveLength(1)
    })

    test('an error that is no JSON stays what it is', async () => {
      const { ask } = await rigWith(TEXT, answering(500, 'Boom'))
      expect(await ask({ inputs: 'Once' })).toMatchObject({ status: 500, text: 'Boom' })
    })

    test.for<[what: string, answer: unknown]>([
      ['without a text', { choices: [] }],
      ['that is no JSON', 'Hello'],
      ['that is too long', { choices: [{ text: 'x'.repeat(2_000) }] }],
    ])('an answer %s is a bad gateway, not half an answer', async ([, answer]) => {
      const { ask } = await rigWith(TEXT, answering(200, answer), { limits: { taskAnswerBytes: 1_000 } })
      const told = await ask({ inputs: 'Once' })
      expect(told.status).toBe(502)
      expect(told.json).toMatchObject({ code: 'bad_gateway' })
    })

    test('a call longer than is read is refused, and one that is passed on as it is may be longer', async () => {
      const long = { inputs: 'x'.repeat(200_000) }
      const limits = { taskBodyBytes: 100_000, bodyStartBytes: 1_000 }
      const text = await rigWith(TEXT, completion, { limits })
      expect(await text.ask(long)).toMatchObject({ status: 413, json: { reason: 'task_limit' } })
      expect(text.engine.received).toEqual([])

      const tei = await rigWith({ ...EMBEDDINGS, engine: 'tei' }, answering(200, [[1]]), { limits })
      expect((await tei.ask(long)).json).toEqual([[1]])
      expect(tei.engine.received[0]?.body.toString()).toBe(JSON.stringify(long))
    })

    test.for<[what: string, tasks: TaskTarget | undefined, url: string, body: string]>([
      ['an endpoint whose engine answers tasks itself', undefined, ROOT, '{"inputs":"a"}'],
      ['another path', TEXT, `${ROOT}/generate`, '{"inputs":"a"}'],
      ['another task', TEXT, ROOT, '{"inputs":{"question":"a"}}'],
      ['what is no JSON', TEXT, ROOT, 'inputs'],
    ])('%s is passed on byte by byte', async ([, tasks, url, body]) => {
      const { engine, ask } = await rigWith(tasks, answering(200, ['as', 'it', 'is']))
      const answer = await ask(body, url)
      expect(answer.text).toBe('["as","it","is"]')
      expect(engine.received[0]?.request.url).toBe(url.slice(ROOT.length) || '/')
      expect(engine.received[0]?.body.toString()).toBe(body)
    })

    test('another replica is tried where one breaks before it answers', async () => {
      const { rig, ask } = await rigWith(TEXT, (request) => request.socket.destroy())
      const good = await rig.engine('r2', completion)
      const bad = rig.endpoints.get('id-chat')!.replicas
      rig.put('chat', { replicas: [...bad, good.replica] })
      const answers = [await ask({ inputs: 'Once' }), await ask({ inputs: 'Twice' })]
      expect(answers.map(({ json }) => json)).toEqual([
        [{ generated_text: ' upon' }],
        [{ generated_text: ' upon' }],
      ])
    })

    test('an answer from memory is the one that the client would have got', async () => {
      const { engine, ask } = await rigWith(TEXT, completion, {
        cache: { revision: 1, task: 'text-generation' },
      })
      const call = { inputs: 'Once', parameters: { seed: 1 } }
      const [first, again] = [await ask(call), await ask(call)]
      expect(again?.headers['x-berth-cache']).toBe('hit')
      expect(again?.json).toEqual(first?.json)
      expect(engine.received).toHaveLength(1)
    })
  })
}
