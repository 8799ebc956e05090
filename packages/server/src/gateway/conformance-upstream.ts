/** What a gateway makes of engines that speak badly, as tests; a part of `conformance.ts`. */
import { describe, expect, test } from 'vitest'
import { type OpenGateway, rigsOf, soon } from './conformance-rig.ts'

const OK = 'HTTP/1.1 200 OK\r\n'

export function describeUpstream(name: string, openGateway: OpenGateway): void {
  const { runningRig } = rigsOf(openGateway)

  /** Answers every request with the same bytes. */
  async function rigAnswering(bytes: string, closes = false) {
    const rig = await runningRig({ restMs: 5 })
    const engine = await rig.rawEngine('r1', (socket, heard) => {
      if (!heard.endsWith('{}')) return
      if (closes) socket.end(bytes, 'latin1')
      else socket.write(bytes, 'latin1')
    })
    const id = rig.put('chat', { replicas: [engine.replica] })
    const ask = () => rig.call('/e/acme/chat/', { body: '{}' })
    return { rig, engine, id, ask }
  }

  describe(`${name}: engines`, () => {
    test.for([
      ['no HTTP', 'hello\r\n\r\n'],
      ['HTTP/2', 'HTTP/2 200 OK\r\ncontent-length: 2\r\n\r\nok'],
      [
        'a length and chunks',
        `${OK}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
      ],
      ['two lengths', `${OK}content-length: 2\r\ncontent-length: 3\r\n\r\nok!`],
      ['a length that is none', `${OK}content-length: 2x\r\n\r\nok`],
      ['a coding that nobody asked for', `${OK}transfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`],
      ['a folded header', `${OK}x: a\r\n b\r\ncontent-length: 2\r\n\r\nok`],
      ['a bare line feed', 'HTTP/1.1 200 OK\ncontent-length: 2\n\nok'],
      [
        'a protocol that nobody asked for',
        'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
      ],
      ['endless headers', `${OK}x: ${'y'.repeat(70_000)}\r\n\r\n`],
      ['interim answers without end', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(50)],
    ])('an answer with %s is a bad gateway, and its connection is not used again', async ([, bytes]) => {
      const { engine, ask } = await rigAnswering(bytes!)
      expect(await ask()).toMatchObject({ status: 502, json: { code: 'bad_gateway' } })
      await soon(() => expect(engine.openConnections).toBe(0))
    })

    test.for([
      ['too little of its length', `${OK}content-length: 10\r\n\r\nhalf`],
      ['no last chunk', `${OK}transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n`],
      ['half a chunk', `${OK}transfer-encoding: chunked\r\n\r\n9\r\nhalf`],
      ['a chunk that is none', `${OK}transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nx\r\n`],
      ['a chunk longer than it said', `${OK}transfer-encoding: chunked\r\n\r\n3\r\nhalf\r\n0\r\n\r\n`],
    ])('an answer with %s is never taken for a whole one', async ([, bytes]) => {
      const { rig, id, ask } = await rigAnswering(bytes!, true)
      await expect(ask()).rejects.toThrow()
      await soon(() => expect(rig.demandOf(id)).toMatchObject({ inFlight: 0 }))
      expect(rig.gateway.busy).toBe(0)
    })

    test('what follows an answer unasked is nobody’s answer', async () => {
      const { engine, ask } = await rigAnswering(
        `${OK}content-length: 2\r\n\r\nok${OK}content-length: 6\r\n\r\npoison`,
      )
      for (let i = 0; i < 5; i++) expect((await ask()).text).toBe('ok')
      expect(engine.heard).toHaveLength(5)
    })

    test('answers that come at the same moment are not mixed up', async () => {
      const rig = await runningRig()
      const waiting: (() => void)[] = []
      const engine = await rig.rawEngine('r1', (socket, heard) => {
        const asked = /"asks":"(\w+)"\}$/.exec(heard)?.[1]
        if (asked === undefined) return
        waiting.push(() => void socket.write(`${OK}content-length: ${asked.length}\r\n\r\n${asked}`))
        if (waiting.length === 20) for (const answer of waiting.splice(0)) answer()
      })
      rig.put('chat', { replicas: [engine.replica] })
      const asks = Array.from({ length: 20 }, (_, i) => `word${i}`.repeat(1 + i))
      const answers = asks.map((asked) => rig.call('/e/acme/chat/', { body: `{"asks":"${asked}"}` }))
      expect((await Promise.all(answers)).map(({ text }) => text)).toEqual(asks)
    })

    test('what comes on an idle connection is nobody’s answer', async () => {
      const rig = await runningRig()
      let poison = () => {}
      const engine = await rig.rawEngine('r1', (socket, heard) => {
        if (!heard.endsWith('{}')) return
        socket.write(`${OK}content-length: 2\r\n\r\nok`)
        poison = () => void socket.write(`${OK}content-length: 6\r\n\r\npoison`)
      })
      rig.put('chat', { replicas: [engine.replica] })
      const ask = () => rig.call('/e/acme/chat/', { body: '{}' })
      expect((await ask()).text).toBe('ok')
      expect((await ask()).text).toBe('ok')
      expect(engine.heard).toHaveLength(1)
      poison()
      await soon(() => expect(engine.openConnections).toBe(0))
      expect((await ask()).text).toBe('ok')
      expect(engine.heard).toHaveLength(2)
    })

    test.for([
      ['ends with its connection', `${OK}x: 1\r\n\r\nto the end`, true],
      ['is HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 10\r\n\r\nto the end', false],
      [
        'says that its connection is over',
        `${OK}connection: close\r\ncontent-length: 10\r\n\r\nto the end`,
        false,
      ],
    ] as const)(
      'an answer that %s is whole, and its connection is not used again',
      async ([, bytes, closes]) => {
        const { engine, ask } = await rigAnswering(bytes, closes)
        for (let i = 0; i < 2; i++) expect(await ask()).toMatchObject({ status: 200, text: 'to the end' })
        expect(engine.heard).toHaveLength(2)
      },
    )

    test('a connection is used again and again, the one used last first', async () => {
      const { engine, ask } = await rigAnswering(
        `${OK}transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: 1\r\n\r\n`,
      )
      for (let i = 0; i < 10; i++) expect((await ask()).text).toBe('ok')
      expect(engine.heard).toHaveLength(1)
      await Promise.all([ask(), ask(), ask()])
      const opened = engine.heard.length
      const last = engine.heard.map((heard) => heard.length)
      for (let i = 0; i < 5; i++) await ask()
      expect(engine.heard).toHaveLength(opened)
      // All five over the same one.
      expect(engine.heard.filter((heard, number) => heard.length !== last[number])).toHaveLength(1)
    })

    test('an answer that comes byte by byte is the same answer', async () => {
      const rig = await runningRig()
      const bytes = `${OK}Transfer-Encoding: chunked\r\nx-own: 1\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`
      const engine = await rig.rawEngine('r1', async (socket, heard) => {
        if (!heard.endsWith('{}')) return
        for (const byte of bytes) {
          socket.write(byte)
          await new Promise(setImmediate)
        }
      })
      rig.put('chat', { replicas: [engine.replica] })
      const answer = await rig.call('/e/acme/chat/', { body: '{}' })
      expect(answer).toMatchObject({ status: 200, text: 'abcde', headers: { 'x-own': '1' } })
    })

    test.for([
      ['whole', Number.POSITIVE_INFINITY],
      ['in pieces of 50 bytes', 50],
      ['in pieces of 7 bytes', 7],
    ] as const)(
      'events in chunks, cut anywhere or not, are the same events when they come %s',
      async ([, bytes]) => {
        const rig = await runningRig()
        const inChunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
        const events = Array.from(
          { length: 30 },
          (_, i) => `data: {"choices":[{"delta":{"content":"żółw ${i}"}}]}\n\n`,
        )
        const cut = [`data: [DO`, `NE]\n`, `\n: one\n\n: two\n\n`]
        const chunks = [...events, ...cut, ...events].map(inChunk)
        const engine = await rig.rawEngine('r1', async (socket, heard) => {
          if (!heard.endsWith('{}')) return
          socket.write(`${OK}content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n`)
          for (const chunk of chunks) {
            const all = Buffer.from(chunk)
            for (let at = 0; at < all.length; at += bytes) {
              socket.write(all.subarray(at, at + bytes))
              await new Promise(setImmediate)
            }
          }
          socket.write('0\r\n\r\n')
        })
        const id = rig.put('chat', { replicas: [engine.replica] })
        const answer = await rig.call('/e/acme/chat/', { body: '{}' })
        expect(answer).toMatchObject({ status: 200, text: [...events, ...cut, ...events].join('') })
        await soon(() => expect(rig.demandOf(id)).toMatchObject({ inFlight: 0 }))
      },
    )

    test('an engine that answers before it has read everything is heard', async () => {
      const rig = await runningRig()
      const engine = await rig.rawEngine('r1', (socket) => {
        if (socket.writable)
          socket.end(
            'HTTP/1.1 413 Payload Too Large\r\ncontent-length: 7\r\nconnection: close\r\n\r\ntoo big',
          )
      })
      rig.put('chat', { replicas: [engine.replica] })
      const answer = await rig.call('/e/acme/chat/', { body: Buffer.alloc(2_000_000) })
      expect(answer).toMatchObject({ status: 413, text: 'too big' })
    })
  })
}
