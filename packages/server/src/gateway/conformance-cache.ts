/** Answers that are given again, as tests; a part of `conformance.ts`. */
import { describe, expect, test } from 'vitest'
import { type OpenGateway, type Rig, rigsOf, soon } from './conformance-rig.ts'

const EMBED = '/e/acme/chat/v1/embeddings'
const CHAT = '/e/acme/chat/v1/chat/completions'
const cache = { revision: 1, task: null }
const fixed = JSON.stringify({ messages: [], temperature: 0 })

export function describeCache(name: string, openGateway: OpenGateway): void {
  const { runningRig } = rigsOf(openGateway)

  async function rigWithAnswers(): Promise<Rig> {
    const rig = await runningRig()
    let answers = 0
    const { replica } = await rig.engine('r1', (request, response) => {
      const isStream = request.url?.includes('stream')
      response.writeHead(200, {
        'content-type': isStream ? 'text/event-stream' : 'application/json',
        'x-engine': 'mine',
      })
      const text = JSON.stringify({ number: ++answers, usage: { prompt_tokens: 5, completion_tokens: 7 } })
      if (!isStream) return void response.end(text)
      response.write(`data: ${text}\n\n`)
      setImmediate(() => response.end('data: [DONE]\n\n'))
    })
    rig.put('chat', { replicas: [replica], cache })
    for (const user of ['ann', 'bob']) rig.grant(user, ['acme'])
    return rig
  }

  describe(`${name}: answers that are given again`, () => {
    test('the same request of the same user is answered once by a replica, and then from memory', async () => {
      const rig = await rigWithAnswers()
      for (const [url, body] of [
        [EMBED, '{"input":"x"}'],
        [CHAT, fixed],
        [`${CHAT}?stream`, fixed],
      ] as const) {
        const first = await rig.call(url, { body, token: 'ann' })
        const again = await rig.call(url, { body, token: 'ann' })
        expect(first.headers).toMatchObject({ 'x-berth-cache': 'miss', 'x-berth-replica': 'r1' })
        expect(again.headers).toMatchObject({ 'x-berth-cache': 'hit', age: '0', 'x-engine': 'mine' })
        expect(again.headers).not.toHaveProperty('x-berth-replica')
        expect(again.headers['content-type']).toBe(first.headers['content-type'])
        expect(again.text).toBe(first.text)
        expect(again.headers['x-request-id']).not.toBe(first.headers['x-request-id'])
      }
    })

    test.for<[string, string, string, object]>([
      ['what draws by lot', CHAT, '{"temperature":1}', {}],
      ['another body', EMBED, '{"input":"y"}', {}],
      ['another path', `${EMBED}?x`, '{"input":"x"}', {}],
      ['another user', EMBED, '{"input":"x"}', { token: 'bob' }],
      ['nobody in particular', EMBED, '{"input":"x"}', { token: undefined }],
      [
        'who wants no answer from memory',
        EMBED,
        '{"input":"x"}',
        { headers: { 'cache-control': 'no-cache' } },
      ],
    ])('%s is answered by a replica', async ([, url, body, changes]) => {
      const rig = await rigWithAnswers()
      await rig.call(EMBED, { body: '{"input":"x"}', token: 'ann' })
      await rig.call(CHAT, { body: '{"temperature":1}', token: 'ann' })
      const { headers } = await rig.call(url, { body, token: 'ann', ...changes })
      expect(headers['x-berth-replica']).toBe('r1')
    })

    test('another revision begins anew, and while one takes the place of another nothing is kept', async () => {
      const rig = await rigWithAnswers()
      const ask = async () => (await rig.call(EMBED, { body: '{"input":"x"}' })).headers['x-berth-cache']
      expect([await ask(), await ask()]).toEqual(['miss', 'hit'])
      rig.put('chat', { cache: { revision: 2, task: null }, state: 'updating' })
      await soon(async () => expect(await ask()).toBeUndefined())
      rig.put('chat', { state: 'running' })
      await soon(async () => expect(await ask()).toBe('miss'))
      expect(await ask()).toBe('hit')
    })

    test('an answer that is an error, or breaks off, or says so, is not kept', async () => {
      const rig = await runningRig()
      let answers = 0
      const { replica } = await rig.engine('r1', (_request, response) => {
        const number = answers++
        if (number === 0)
          return void response.writeHead(500, { 'content-type': 'application/json' }).end('{}')
        const headers = { 'content-type': 'application/json', 'content-length': '10' }
        if (number === 1) {
          response.writeHead(200, headers).write('{"a"')
          return void setImmediate(() => response.destroy())
        }
        const says = number === 2 ? { 'cache-control': 'no-store' } : { 'set-cookie': 'a=b' }
        response.writeHead(200, { ...headers, ...(number < 4 ? says : {}) }).end('{"a": 123}')
      })
      rig.put('chat', { replicas: [replica], cache })
      const ask = () => rig.call(EMBED, { body: '{}' }).catch(() => undefined)
      for (let number = 0; number < 4; number++) await ask()
      expect((await ask())?.headers['x-berth-cache']).toBe('miss')
      expect((await ask())?.headers['x-berth-cache']).toBe('hit')
      expect(answers).toBe(5)
    })

    test('an answer from memory is counted, and uses no tokens', async () => {
      const rig = await rigWithAnswers()
      for (let number = 0; number < 3; number++) await rig.call(CHAT, { body: fixed, token: 'ann' })
      const page = (await rig.call('/metrics', { token: 'ann' })).text
      expect(page).toContain('berth_gateway_cache_requests_total{endpoint="acme/chat",result="hit"} 2')
      expect(page).toContain('berth_gateway_cache_requests_total{endpoint="acme/chat",result="miss"} 1')
      expect(page).toContain('berth_gateway_tokens_total{endpoint="acme/chat",kind="output"} 7')
      await soon(() => expect(rig.usage).toHaveLength(3))
      expect(rig.usage[0]).not.toHaveProperty('via')
      expect(rig.usage[2]).toMatchObject({
        via: 'cache',
        replicaId: null,
        inputTokens: 0,
        outputTokens: 0,
        status: 200,
      })
    })
  })
}
