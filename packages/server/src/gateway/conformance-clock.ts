/** What a gateway makes of a clock that somebody sets while it serves, as tests; a part of `conformance.ts`. */
import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { type OpenGateway, rigsOf, soon } from './conformance-rig.ts'

const CHAT = '/e/acme/chat/v1/chat/completions'
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** By hours, as of a machine that slept, or whose clock was wrong. */
const JUMPS = [
  ['forwards', 5 * HOUR_MS],
  ['back', -5 * HOUR_MS],
] as const

export function describeClock(name: string, openGateway: OpenGateway): void {
  const { runningRig } = rigsOf(openGateway)

  /** Nothing that it looks at every now and then is looked at more often than each minute of moved time. */
  async function movedRig() {
    const clock = new FakeClock(Date.UTC(2030, 0))
    const everyMinute = { demandEveryMs: MINUTE_MS, watchEveryMs: MINUTE_MS, deadlineTickMs: MINUTE_MS }
    return { clock, rig: await runningRig(everyMinute, undefined, { clock }) }
  }

  describe.for(JUMPS)(`${name}: a clock that is set %s by five hours`, ([, jumpMs]) => {
    test('takes nothing of the time that a request has, and its replica is told the truth', async () => {
      const { rig, clock } = await movedRig()
      const open: ServerResponse[] = []
      const engine = await rig.engine('r1', (_request, response) => void open.push(response))
      const id = rig.put('chat', { state: 'scaledToZero' })
      let isOver = false
      const answer = rig.call(CHAT, { body: '{}', headers: { 'x-request-timeout': '100' } })
      void answer.finally(() => {
        isOver = true
      })
      await soon(() => expect(rig.said).toContainEqual({ kind: 'wake', id, waiting: 1 }))
      await clock.advance(30_000)
      clock.jump(jumpMs)
      await clock.advance(30_000)
      rig.put('chat', { state: 'running', replicas: [engine.replica] })
      await soon(() => expect(open).toHaveLength(1))
      expect(engine.received[0]!.request.headers['x-request-timeout']).toBe('40.000')

      clock.jump(-2 * jumpMs)
      await clock.advance(39_000)
      expect(isOver).toBe(false)
      await clock.advance(1_000)
      expect(await answer).toMatchObject({ status: 504, json: { reason: 'deadline' } })
      await clock.advance(MINUTE_MS)
      await soon(() => expect(rig.demandOf(id)).toMatchObject({ inFlight: 0, waiting: 0 }))
    })

    test('ends no wait in the line early or late', async () => {
      const { rig, clock } = await movedRig()
      const id = rig.put('chat', { state: 'scaledToZero' })
      const answer = rig.call(CHAT, { body: '{}', headers: { 'x-scale-up-timeout': '60' } })
      let isOver = false
      void answer.finally(() => {
        isOver = true
      })
      await soon(() => expect(rig.said).toContainEqual({ kind: 'wake', id, waiting: 1 }))
      clock.jump(jumpMs)
      await clock.advance(59_000)
      expect(isOver).toBe(false)
      await clock.advance(1_000)
      expect(await answer).toMatchObject({ status: 503, json: { code: 'waking' } })
    })

    test('gives nobody more of a limit than the time that passed, and nobody less', async () => {
      const { rig, clock } = await movedRig()
      const engine = await rig.engine('r1')
      rig.put('chat', { replicas: [engine.replica], limits: { requestsPerMinute: 2 } })
      const call = () => rig.call(CHAT, { body: '{}' })
      await soon(async () => expect((await rig.call('/readyz')).json['endpoints']).toBe(1))
      for (let i = 0; i < 2; i++) expect((await call()).status).toBe(200)
      clock.jump(jumpMs)
      expect(await call()).toMatchObject({ status: 429, headers: { 'retry-after': '30' } })
      await clock.advance(30_000)
      expect((await call()).status).toBe(200)
      expect((await call()).status).toBe(429)
    })

    test('leaves a stream alone, and its usage says how long it really took', async () => {
      const { rig, clock } = await movedRig()
      const open: ServerResponse[] = []
      const engine = await rig.engine('r1', (_request, response) => void open.push(response))
      const id = rig.put('chat', { replicas: [engine.replica] })
      let heard = ''
      const onText = (text: string) => {
        heard = text
      }
      const event = (content: string) => `data: {"choices":[{"delta":{"content":"${content}"}}]}\n\n`
      const answer = rig.call(CHAT, { body: '{"stream":true}', onText })
      await soon(() => expect(open).toHaveLength(1))
      const [response] = open
      await clock.advance(2_000)
      clock.jump(jumpMs)
      response!.writeHead(200, { 'content-type': 'text/event-stream' })
      response!.write(event('one'))
      await soon(() => expect(heard).toContain('one'))
      clock.jump(-2 * jumpMs)
      await clock.advance(1_000)
      response!.end(event('two'))
      expect((await answer).text).toContain('two')

      await clock.advance(2 * MINUTE_MS)
      const [record] = await soon(() => {
        expect(rig.usage).toHaveLength(1)
        return rig.usage
      })
      expect(record).toMatchObject({
        status: 200,
        durationMs: 3_000,
        firstTokenMs: 2_000,
        interTokenMs: 1_000,
      })
      expect(rig.demandOf(id)).toMatchObject({ inFlight: 0, waiting: 0, pending: 0 })
      expect(rig.said.filter(({ kind }) => kind === 'stuck' || kind === 'suspect')).toEqual([])
    })

    test('an answer is given again for as long as it may be', async () => {
      const { rig, clock } = await movedRig()
      const engine = await rig.engine('r1', (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end('{"data":[]}')
      })
      rig.put('chat', {
        replicas: [engine.replica],
        cache: { revision: 'rev-1', task: 'feature-extraction' },
      } as never)
      const call = () => rig.call('/e/acme/chat/v1/embeddings', { body: '{"input":"a"}' })
      await soon(async () => expect((await call()).status).toBe(200))
      clock.jump(jumpMs)
      await clock.advance(7_000)
      expect((await call()).headers).toMatchObject({ 'x-berth-cache': 'hit', age: '7' })
    })
  })
}
