/** How long a request may take, and that nothing else ends one that advances, as tests; a part of `conformance.ts`. */
import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { type Handler, type OpenGateway, rigsOf, soon } from './conformance-rig.ts'

const CHAT = '/e/acme/chat/v1/chat/completions'
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const within = (seconds: number) => ({ 'x-request-timeout': String(seconds) })
const OVER = { status: 504, json: { code: 'timeout', reason: 'deadline', retryable: true } }

/** An engine whose answers a test gives by hand. */
function byHand(): { readonly handler: Handler; readonly open: ServerResponse[] } {
  const open: ServerResponse[] = []
  return { open, handler: (_request, response) => void open.push(response) }
}

const asStream = (response: ServerResponse) =>
  response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n')

const lastEvent = (text: string) => JSON.parse(text.trimEnd().split('data: ').at(-1)!)

export function describeDeadlines(name: string, openGateway: OpenGateway): void {
  const { runningRig } = rigsOf(openGateway)

  /** Nothing that it looks at every now and then is looked at more often than each minute of moved time. */
  async function movedRig() {
    const clock = new FakeClock(Date.UTC(2030, 0))
    const everyMinute = { demandEveryMs: MINUTE_MS, watchEveryMs: MINUTE_MS, deadlineTickMs: MINUTE_MS }
    return { clock, rig: await runningRig(everyMinute, undefined, { clock }) }
  }

  describe(`${name}: deadlines`, () => {
    test('a request whose time is over while it waits for a replica leaves the line', async () => {
      const rig = await runningRig()
      const id = rig.put('chat', { state: 'scaledToZero' })
      expect(await rig.call(CHAT, { body: '{}', headers: within(0.05) })).toMatchObject(OVER)
      await soon(() => expect(rig.demandOf(id)).toMatchObject({ waiting: 0, inFlight: 0 }))
      expect(rig.said).toContainEqual({ kind: 'wake', id, waiting: 1 })
    })

    test('a replica that has not answered by then is told to stop, and not suspected', async () => {
      const { rig, clock } = await movedRig()
      const engine = await rig.engine('r1', byHand().handler)
      const id = rig.put('chat', { replicas: [engine.replica] })
      const answer = rig.call(CHAT, { body: '{}', headers: within(10) })
      await soon(() => expect(engine.received).toHaveLength(1))
      expect(engine.received[0]!.request.headers['x-request-timeout']).toBe('10.000')
      await clock.advance(10_000)
      expect(await answer).toMatchObject(OVER)
      await soon(() => expect(engine.aborted).toBe(1))
      await clock.advance(MINUTE_MS)
      await soon(() => expect(rig.demandOf(id)).toMatchObject({ inFlight: 0 }))
      expect(rig.said.filter(({ kind }) => kind === 'suspect')).toEqual([])
    })

    test('a stream ends with an event that says so', async () => {
      const { rig, clock } = await movedRig()
      const engine = await rig.engine('r1', (_request, response) => void asStream(response))
      rig.put('chat', { replicas: [engine.replica] })
      let heard = ''
      const onText = (text: string) => {
        heard = text
      }
      const answer = rig.call(CHAT, { body: '{}', headers: within(10), onText })
      await soon(() => expect(heard).toBe('data: first\n\n'))
      await clock.advance(10_000)
      const { text } = await answer
      expect(lastEvent(text)).toMatchObject({ code: 'timeout', reason: 'deadline' })
      await soon(() => expect(engine.aborted).toBe(1))
    })

    test('an answer that is no stream breaks off, so that nobody takes it for a whole one', async () => {
      const { rig, clock } = await movedRig()
      const engine = await rig.engine('r1', (_request, response) => void response.write('half'))
      rig.put('chat', { replicas: [engine.replica] })
      let heard = ''
      const onText = (text: string) => {
        heard = text
      }
      const answer = rig.call(CHAT, { body: '{}', headers: within(10), onText })
      answer.catch(() => {})
      await soon(() => expect(heard).toBe('half'))
      await clock.advance(10_000)
      await expect(answer).rejects.toThrow()
      await soon(() => expect(engine.aborted).toBe(1))
    })

    test('a body that has not arrived by then is waited for no longer', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1')
      rig.put('chat', { replicas: [engine.replica] })
      const client = await rig.client()
      client.socket.write(
        `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\nx-request-timeout: 0.05\r\n\r\n12345`,
      )
      await soon(() => expect(client.text()).toMatch(/^HTTP\/1\.1 504 [\s\S]*"reason":"deadline"/))
    })

    test('of the limits of caller, token and endpoint the shortest holds', async () => {
      const rig = await runningRig()
      const { handler } = byHand()
      const engine = await rig.engine('r1', handler)
      rig.put('chat', { replicas: [engine.replica], limits: { requestSeconds: 0.05 } })
      rig.put('plain', { replicas: [engine.replica], access: 'private' })
      rig.grant('hasty', ['acme'], { requestSeconds: 0.05 })
      const long = { body: '{}', headers: within(1_000) }
      expect(await rig.call(CHAT, long)).toMatchObject(OVER)
      expect(await rig.call('/e/acme/plain/x', { ...long, token: 'hasty' })).toMatchObject(OVER)
    })

    test('whose time is over does not go to the fallback', async () => {
      const rig = await runningRig()
      const spare = await rig.engine('s1')
      const engine = await rig.engine('r1', byHand().handler)
      rig.put('spare', { replicas: [spare.replica] })
      const fallback = { on: ['failed'], to: { kind: 'endpoint', name: 'spare' } } as const
      rig.put('chat', { replicas: [engine.replica], fallback })
      expect(await rig.call(CHAT, { body: '{}', headers: within(0.05) })).toMatchObject(OVER)
      expect(spare.received).toEqual([])
    })

    test('an answer that is fetched later has to be there by then', async () => {
      const { rig, clock } = await movedRig()
      rig.put('chat', { state: 'scaledToZero' })
      const later = { ...within(10), prefer: 'respond-async' }
      const accepted = await rig.call(CHAT, { body: '{}', headers: later })
      expect(accepted.status).toBe(202)
      await clock.advance(10_000)
      const status = String(accepted.headers['location'])
      await soon(async () => expect(await rig.call(status)).toMatchObject(OVER))
    })

    test.for(['soon', '0', '-1', '1e3', '604801', ''])('"%s" is no time', async (text) => {
      const rig = await runningRig()
      rig.put('chat', { state: 'scaledToZero' })
      const answer = await rig.call(CHAT, { body: '{}', headers: { 'x-request-timeout': text } })
      expect(answer).toMatchObject({ status: 400, json: { code: 'invalid', field: 'X-Request-Timeout' } })
    })

    test('a stream that says something now and then lives for a day, and one that falls silent does not', async () => {
      const { rig, clock } = await movedRig()
      const { handler, open } = byHand()
      const engine = await rig.engine('r1', handler)
      rig.put('chat', { replicas: [engine.replica] })
      let heard = ''
      const onText = (text: string) => {
        heard = text
      }
      const answer = rig.call(CHAT, { body: '{"stream":true}', onText })
      await soon(() => expect(open).toHaveLength(1))
      asStream(open[0]!)
      const TENS_OF_A_DAY = 6 * 24
      for (let ten = 1; ten <= TENS_OF_A_DAY; ten++) {
        await clock.advance(10 * MINUTE_MS)
        open[0]!.write(`data: ${ten}\n\n`)
        await soon(() => expect(heard).toContain(`data: ${ten}\n`))
      }
      await clock.advance(20 * MINUTE_MS)
      const { text } = await answer
      expect(text).toContain(`data: ${TENS_OF_A_DAY}\n\n`)
      expect(lastEvent(text)).toMatchObject({ code: 'bad_gateway' })
    })

    test('who gives an answer two hours gets one that nothing was heard of for one', async () => {
      const { rig, clock } = await movedRig()
      const { handler, open } = byHand()
      const engine = await rig.engine('r1', handler)
      rig.put('chat', { replicas: [engine.replica] })
      const patient = rig.call(CHAT, { body: '{}', headers: within(7_200) })
      await soon(() => expect(open).toHaveLength(1))
      const ordinary = rig.call(CHAT, { body: '{}' })
      await soon(() => expect(open).toHaveLength(2))
      await clock.advance(HOUR_MS)
      open[0]!.end('late')
      expect(await patient).toMatchObject({ status: 200, text: 'late' })
      expect(await ordinary).toMatchObject({ status: 504, json: { code: 'timeout' } })
    })
  })
}
