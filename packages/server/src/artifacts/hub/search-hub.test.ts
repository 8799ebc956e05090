import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../platform/clock.ts'
import { FakeClock } from '../../testing/fake-clock.ts'
import { type HubServer, startHubServer } from '../../testing/hub-server.ts'
import { searchHub } from './search-hub.ts'

let hub: HubServer
beforeEach(async () => {
  hub = await startHubServer()
  const files = { 'config.json': '{}' }
  hub.add('acme/tiny-chat', { files, task: 'text-generation', library: 'transformers', downloads: 10 })
  hub.add('acme/tiny-chat-GGUF', { files, task: 'text-generation', downloads: 500, gated: true })
  hub.add('acme/tiny-embed', { files, task: 'sentence-similarity', downloads: 70 })
  hub.add('acme/tiny-secret', { files, private: true })
})
afterEach(() => hub.close())

async function addressOf(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const search = (words: string, { token, ...query }: { task?: string; limit?: number; token?: string } = {}) =>
  searchHub({ hubUrl: hub.url, token, clock: systemClock }, { search: words, limit: 20, ...query })
const names = async (...asked: Parameters<typeof search>) =>
  (await search(...asked)).items.map(({ repository }) => repository)

describe('a search', () => {
  test('finds what has the words in its name, the most downloaded first', async () => {
    expect(await search('TINY chat')).toEqual({
      hub: hub.url,
      problem: null,
      items: [
        {
          repository: 'acme/tiny-chat-GGUF',
          task: 'text-generation',
          library: null,
          downloads: 500,
          likes: 1,
          updatedAt: '2026-08-01T10:00:00.000Z',
          gated: true,
          private: false,
        },
        {
          repository: 'acme/tiny-chat',
          task: 'text-generation',
          library: 'transformers',
          downloads: 10,
          likes: 1,
          updatedAt: '2026-08-01T10:00:00.000Z',
          gated: false,
          private: false,
        },
      ],
    })
  })

  test('is for a task, and no longer than wanted', async () => {
    expect(await names('tiny', { task: 'sentence-similarity' })).toEqual(['acme/tiny-embed'])
    expect(await names('tiny', { limit: 2 })).toEqual(['acme/tiny-chat-GGUF', 'acme/tiny-embed'])
    expect(await names('huge')).toEqual([])
  })

  test('sees private models with the token of the installation, whatever that begins with', async () => {
    hub.addToken('a-token-of-a-mirror', ['acme/tiny-secret'])
    expect(await names('secret')).toEqual([])
    expect(await names('secret', { token: 'a-token-of-a-mirror' })).toEqual(['acme/tiny-secret'])
  })

  test('leaves out what has no name of a repository', async () => {
    hub.add('acme/<img src=x onerror=alert(1)>tiny', { files: {} })
    expect(await names('tiny img')).toEqual([])
  })
})

describe('a Hub that gives no answer is an answer', () => {
  const problem = async (...asked: Parameters<typeof search>) => {
    const { problem, items } = await search(...asked)
    expect(items).toEqual([])
    return problem
  }

  test('when it refuses the token, which is not repeated', async () => {
    const said = await problem('tiny', { token: 'wrong-token' })
    expect(said).toContain('HF_TOKEN')
    expect(said).not.toContain('wrong-token')
  })

  test('when it fails, or has enough of us', async () => {
    hub.apiFaults.push({ status: 503 }, { status: 429 })
    expect(await problem('tiny')).toContain('it answered 503. Check the network and HF_ENDPOINT')
    expect(await problem('tiny')).toContain('it answered 429')
  })

  test('when nobody is there', async () => {
    const server = createServer()
    const hubUrl = await addressOf(server)
    await new Promise((resolve) => server.close(resolve))
    const rooms = { hubUrl: `${hubUrl}/`, token: undefined, clock: systemClock }
    const { problem: said } = await searchHub(rooms, { search: 'tiny', limit: 5 })
    expect(said).toMatch(`${hubUrl} cannot be reached: connect ECONNREFUSED`)
  })

  test.for([
    ['html', '<html>Sign in to the hotel network</html>', 'answered as no Hub does'],
    ['an object', '{"error":"no"}', 'answered as no Hub does'],
    ['nothing at all', undefined, 'it said nothing for 4 s'],
  ] as const)('when what answers says %s', async ([, body, words]) => {
    const arrived = Promise.withResolvers<void>()
    const server = createServer((_request, response) => {
      arrived.resolve()
      if (body !== undefined) response.end(body)
    })
    const hubUrl = await addressOf(server)
    const clock = new FakeClock()
    const searching = searchHub({ hubUrl, token: undefined, clock }, { search: 'tiny', limit: 5 })
    await arrived.promise
    if (body === undefined) await clock.advance(4_000)
    expect((await searching).problem).toContain(words)
    server.closeAllConnections()
    server.close()
  })
})
