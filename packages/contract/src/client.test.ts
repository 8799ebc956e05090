import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createClient } from './client.ts'
import { ApiError, serverSentData } from './client-over.ts'
import { ErrorBody, errorCodes, HTTP_STATUS, RETRYABLE } from './errors.ts'

let server: Server
let baseUrl: string
let answer: (request: IncomingMessage, response: ServerResponse) => void
beforeEach(async () => {
  server = createServer((request, response) => answer(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

const json = (response: ServerResponse, status: number, body: unknown) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))

const endpoint = { namespace: 'ada', name: 'guide' }

test('a call sends its method, path, query, token and body', async () => {
  const seen: unknown[] = []
  answer = async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    const { authorization, 'content-type': type } = request.headers
    seen.push([request.method, request.url, authorization, type, body])
    json(response, 200, {})
  }
  const client = createClient({ baseUrl: `${baseUrl}/`, token: 'secret' })
  await client.updateEndpoint({ params: endpoint, body: { tags: ['a'] } })
  await client.listEndpoints({
    params: { namespace: 'a/b' },
    query: { search: 'x y', limit: 2, tags: undefined },
  })
  await client.listVendors()

  expect(seen).toEqual([
    ['PUT', '/v2/endpoint/ada/guide', 'Bearer secret', 'application/json', '{"tags":["a"]}'],
    ['GET', '/v2/endpoint/a%2Fb?search=x+y&limit=2', 'Bearer secret', undefined, ''],
    ['GET', '/v2/provider', 'Bearer secret', undefined, ''],
  ])
})

test('a refusal is thrown with the sentence of the server', async () => {
  const body = {
    error: 'guide is already running.',
    code: 'already_running',
    retryable: false,
    requestId: 'r1',
  }
  answer = (_request, response) => json(response, 400, body)
  const error = await createClient({ baseUrl })
    .resumeEndpoint({ params: endpoint })
    .catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(ApiError)
  expect(error).toMatchObject({ status: 400, code: 'already_running', message: body.error, body })
})

test.for([
  ['a page of a proxy', '<html>Bad gateway</html>', /answered 502 without an explanation: <html>/],
  ['nothing', '', /answered 502 without an explanation\.$/],
  ['another shape of JSON', '{"detail": "no"}', /without an explanation/],
  ['a very long text', 'x'.repeat(100_000), /^.{0,300}$/],
] as const)('%s instead of an error becomes one too', async ([, text, message]) => {
  answer = (_request, response) => response.writeHead(502).end(text)
  const error = await createClient({ baseUrl })
    .systemStatus()
    .catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ name: 'ApiError', status: 502, code: 'internal' })
  expect((error as ApiError).message).toMatch(message)
})

test('a refused stream is an error and not an empty stream', async () => {
  answer = (_request, response) => json(response, 404, { error: 'no', code: 'not_found', retryable: false })
  await expect(createClient({ baseUrl }).watchLogs({ params: endpoint })).rejects.toThrow(ApiError)
})

test('leaving a stream early closes its connection', async () => {
  const left = new Promise<void>((resolve) => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: one\n\n')
      response.on('close', () => resolve())
    }
  })
  for await (const data of await createClient({ baseUrl }).watchLogs({ params: endpoint })) {
    expect(data).toBe('one')
    break
  }
  await left
})

test('a call can be given up', async () => {
  const leaving = new AbortController()
  answer = () => leaving.abort()
  await expect(createClient({ baseUrl }).systemStatus({ signal: leaving.signal })).rejects.toThrow(/abort/i)
})

/** Sends `bytes` in pieces cut at `cuts`, each on its own way through the socket. */
function inPieces(bytes: Buffer, cuts: readonly number[], type: string) {
  answer = async (_request, response) => {
    response.writeHead(200, { 'content-type': type })
    const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
    for (let i = 1; i < edges.length; i++) {
      const piece = bytes.subarray(edges[i - 1], edges[i])
      if (piece.length > 0) await new Promise<void>((resolve) => response.write(piece, () => resolve()))
    }
    response.end()
  }
}

const anyLine = fc.stringMatching(/^[a-zäö€😀 :]{0,20}$/u)
const anyCuts = fc.array(fc.nat(), { maxLength: 8 })

test('text arrives whole wherever the network cuts it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyLine, { maxLength: 5 }), anyCuts, async (lines, cuts) => {
      const text = lines.map((line) => `${line}\n`).join('')
      inPieces(Buffer.from(text), cuts, 'text/plain; charset=utf-8')
      let received = ''
      for await (const piece of await createClient({ baseUrl }).readLogs({ params: endpoint }))
        received += piece
      expect(received).toBe(text)
    }),
    { numRuns: 50 },
  )
})

test('events arrive whole wherever the network cuts them', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(anyLine, { minLength: 1, maxLength: 3 }), { maxLength: 4 }),
      fc.constantFrom('\n', '\r\n'),
      anyCuts,
      async (events, newline, cuts) => {
        const text = events
          .map((lines) => [': keep-alive', '', ...lines.map((line) => `data: ${line}`), '', ''].join(newline))
          .join('')
        inPieces(Buffer.from(text), cuts, 'text/event-stream')
        const received: string[] = []
        for await (const data of await createClient({ baseUrl }).watchLogs({ params: endpoint }))
          received.push(data)
        expect(received).toEqual(events.map((lines) => lines.join('\n')))
      },
    ),
    { numRuns: 50 },
  )
})

test('every single cut of an event stream is harmless', async () => {
  const text =
    ': hello\r\n\r\ndata: one\r\ndata:two\r\n\r\nevent: x\r\ndata: {"a": 1}\r\n\r\ndata: unfinished'
  for (let cut = 0; cut <= text.length; cut++) {
    const pieces = async function* () {
      yield text.slice(0, cut)
      yield text.slice(cut)
    }
    expect(await Array.fromAsync(serverSentData(pieces()))).toEqual(['one\ntwo', '{"a": 1}'])
  }
})

test('every code has a status that says whose turn it is', () => {
  for (const code of errorCodes) {
    expect(HTTP_STATUS[code]).toBeGreaterThanOrEqual(400)
    expect(ErrorBody.safeParse({ error: 'x', code, retryable: RETRYABLE.has(code) }).success).toBe(true)
    if (RETRYABLE.has(code)) expect([409, 429, 502, 503, 504]).toContain(HTTP_STATUS[code])
  }
})
