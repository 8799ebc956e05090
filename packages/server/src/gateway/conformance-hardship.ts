/** What a gateway does without a control process, at its end, and with bad requests, as tests; a part of `conformance.ts`. */
import { describe, expect, test } from 'vitest'
import { type OpenGateway, rigsOf, soon } from './conformance-rig.ts'

export function describeHardship(name: string, openGateway: OpenGateway): void {
  const { runningRig } = rigsOf(openGateway)

  describe(`${name}: without a control process`, () => {
    test('what was known keeps being served, and a returning control process is told everything again', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1')
      const id = rig.put('chat', { access: 'private', replicas: [engine.replica] })
      rig.grant('member', ['acme'])
      await soon(async () => expect((await rig.call('/e/acme/chat/', { token: 'member' })).status).toBe(200))
      await soon(() => expect(rig.arrivalsOf(id)).toBe(1))

      await rig.stopControl()
      rig.said.length = 0
      for (let i = 0; i < 20; i++) {
        expect((await rig.call('/e/acme/chat/', { token: 'member' })).status).toBe(200)
      }
      expect((await rig.call('/readyz')).status).toBe(200)

      await rig.startControl()
      await soon(() => expect(rig.arrivalsOf(id)).toBe(20))
      expect(rig.demandOf(id)).toMatchObject({ inFlight: 0, waiting: 0 })
    })

    test('a list of 10,000 endpoints arrives under load, and nobody notices', async () => {
      const rig = await runningRig()
      const { replica } = await rig.engine('r1')
      rig.put('chat', { replicas: [replica] })
      await soon(async () => expect((await rig.call('/e/acme/chat/')).status).toBe(200))
      let isOver = false
      const failures: unknown[] = []
      const clients = Array.from({ length: 8 }, async (_, client) => {
        for (let number = 0; !isOver; number++) {
          const body = `${client}-${number}`
          const answer = await rig.call('/e/acme/chat/', { body })
          if (answer.status !== 200 || answer.json['body'] !== body) failures.push(answer.text)
        }
      })
      await rig.stopControl()
      for (let number = 0; number < 10_000; number++) rig.put(`other-${number}`, { replicas: [replica] })
      await rig.startControl()
      await soon(async () => expect((await rig.call('/readyz')).json['endpoints']).toBe(10_001))
      isOver = true
      await Promise.all(clients)
      expect(failures).toEqual([])
      expect((await rig.call('/e/acme/other-9999/')).status).toBe(200)
    })

    test('a control process that comes later learns when an endpoint was last used', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1')
      const id = rig.put('chat', { replicas: [engine.replica] })
      await rig.call('/e/acme/chat/')
      await soon(() => expect(rig.demandOf(id)).toMatchObject({ inFlight: 0 }))
      const { lastActivityAt } = rig.demandOf(id) ?? {}

      await rig.stopControl()
      rig.said.length = 0
      await rig.startControl()

      await soon(() => expect(rig.demandOf(id)).toMatchObject({ arrivals: 0, lastActivityAt }))
    })

    test('a request held through its restart is answered', async () => {
      const rig = await runningRig({ firstWakeAgainMs: 20, longestWakeAgainMs: 20 })
      const engine = await rig.engine('r1')
      const id = rig.put('chat', { state: 'scaledToZero' })
      const answer = rig.call('/e/acme/chat/')
      await soon(() => expect(rig.demandOf(id)?.waiting).toBe(1))

      await rig.stopControl()
      rig.said.length = 0
      await rig.startControl()

      await soon(() => expect(rig.said).toContainEqual({ kind: 'wake', id, waiting: 1 }))
      rig.put('chat', { state: 'running', replicas: [engine.replica] })
      expect((await answer).status).toBe(200)
    })

    test('a draining replica is reported again to a control process that comes later', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1')
      rig.put('chat', { replicas: [engine.draining] })
      await soon(() => expect(rig.said).toContainEqual({ kind: 'drained', replicaId: 'r1' }))
      await rig.stopControl()
      rig.said.length = 0
      await rig.startControl()
      await soon(() => expect(rig.said).toContainEqual({ kind: 'drained', replicaId: 'r1' }))
    })
  })

  describe(`${name}: ending`, () => {
    test('told to shut down it takes nothing new, refuses who waits, and finishes what runs', async () => {
      const rig = await runningRig()
      let finish = () => {}
      const engine = await rig.engine('r1', (_request, response) => {
        finish = () => void response.end('finished')
      })
      rig.put('chat', { replicas: [engine.replica] })
      const sleeping = rig.put('sleeping', { state: 'scaledToZero' })
      const running = rig.call('/e/acme/chat/')
      const waiting = rig.call('/e/acme/sleeping/')
      await soon(() => expect(engine.received).toHaveLength(1))
      await soon(() => expect(rig.demandOf(sleeping)?.waiting).toBe(1))

      rig.shutdown(60_000)

      expect(await waiting).toMatchObject({ status: 503, json: { reason: 'gateway_shutdown' } })
      await soon(async () => await expect(rig.call('/livez')).rejects.toThrow('ECONNREFUSED'))
      finish()
      expect((await running).text).toBe('finished')
      await rig.gateway.closed
    })

    test('what does not end within the drain time is broken off', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1', () => {})
      rig.put('chat', { replicas: [engine.replica] })
      const running = rig.call('/e/acme/chat/')
      running.catch(() => {})
      await soon(() => expect(engine.received).toHaveLength(1))
      rig.shutdown(10)
      await expect(running).rejects.toThrow()
      await rig.gateway.closed
    })
  })

  describe(`${name}: requests that are not as they should be`, () => {
    test.for([
      ['two hosts', 'GET /livez HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n'],
      ['no host', 'GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n'],
      [
        'two authorizations',
        'GET /livez HTTP/1.1\r\nhost: a\r\nauthorization: Bearer a\r\nauthorization: Bearer b\r\nconnection: close\r\n\r\n',
      ],
      [
        'a length and chunks',
        'POST /e/acme/chat/ HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n0\r\n\r\n',
      ],
      [
        'two lengths',
        'POST /e/acme/chat/ HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab',
      ],
      [
        'another coding',
        'POST /e/acme/chat/ HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\nconnection: close\r\n\r\n0\r\n\r\n',
      ],
      ['a folded header', 'GET /livez HTTP/1.1\r\nhost: a\r\nx: 1\r\n 2\r\n\r\n'],
      ['a bare line feed', 'GET /livez HTTP/1.1\nhost: a\n\n'],
      ['an absolute target', 'GET http://a/livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'],
      ['a NUL in a header', 'GET /livez HTTP/1.1\r\nhost: a\r\nx: a\0b\r\n\r\n'],
      ['no HTTP at all', 'hello\r\n\r\n'],
      [
        'an unknown expectation',
        'GET /livez HTTP/1.1\r\nhost: a\r\nexpect: wonders\r\nconnection: close\r\n\r\n',
      ],
    ] as const)('%s: refused as JSON with a request id', async ([, bytes]) => {
      const rig = await runningRig()
      const engine = await rig.engine('r1')
      rig.put('chat', { replicas: [engine.replica] })
      const text = await rig.raw(bytes)
      expect(text).toMatch(/^HTTP\/1\.1 400 /)
      expect(JSON.parse(text.split('\r\n\r\n')[1] ?? '')).toMatchObject({
        code: 'invalid',
        retryable: false,
      })
      expect(text).toMatch(/^x-request-id: /im)
      expect(engine.received).toEqual([])
    })

    test('headers over the limit are refused with 431', async () => {
      const rig = await runningRig()
      const text = await rig.raw(`GET /livez HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`)
      expect(text).toMatch(/^HTTP\/1\.1 431 /)
    })

    test('a refused upload gets its refusal even while it still sends', async () => {
      const rig = await runningRig()
      const answer = await rig.call('/e/acme/nope/', { body: Buffer.alloc(5_000_000) })
      expect(answer.status).toBe(404)
    })

    test('nobody is listened to for long who goes on sending what was refused', async () => {
      const rig = await runningRig()
      const all = 'POST /e/acme/nope/ HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nsome'
      expect(await rig.raw(all)).toMatch(/^HTTP\/1\.1 404 /)
      await soon(() => expect(rig.gateway.busy).toBe(0))
    })

    test('a client that breaks off in its body is forgotten', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1')
      const id = rig.put('chat', { replicas: [engine.replica] })
      const request = rig.begin('/e/acme/chat/', { method: 'POST', headers: { 'content-length': '100' } })
      request.on('error', () => {})
      request.write('half')
      await soon(() => expect(rig.gateway.busy).toBe(1))
      request.destroy()
      await soon(() => expect(rig.gateway.busy).toBe(0))
      await soon(() => expect(rig.demandOf(id)).toMatchObject({ inFlight: 0, waiting: 0 }))
      expect(engine.received).toEqual([])
    })
  })
}
