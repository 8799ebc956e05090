import { beforeAll, describe, expect, test } from 'vitest'
import { loadHash, PromptPrefix } from './prompt-prefix.ts'

beforeAll(loadHash)

const KIB = 1_024

/** A request whose body has arrived, in chunks of so many bytes. */
function arrived(text: string, headers: Readonly<Record<string, string>> = {}, chunkBytes = 1e9) {
  const bytes = Buffer.from(text)
  const kept: Buffer[] = []
  for (let at = 0; at < bytes.length; at += chunkBytes) kept.push(bytes.subarray(at, at + chunkBytes))
  const body = { kept, keptBytes: bytes.length, announcedBytes: bytes.length, complete: true }
  return new PromptPrefix({ request: { headers }, body })
}
/** As much of it as a gateway keeps of a long body. */
function beginning(body: string, keptBytes: number) {
  const bytes = Buffer.from(body)
  const kept = [bytes.subarray(0, keptBytes)]
  return new PromptPrefix({
    request: { headers: {} },
    body: { kept, keptBytes, announcedBytes: bytes.length, complete: false },
  })
}

const words = (bytes: number, seed = 'word') => `${seed} `.repeat(Math.ceil(bytes / 5)).slice(0, bytes)
type Turn = { readonly role: string; readonly content: string }
const turns = (count: number, bytes: number): Turn[] =>
  Array.from({ length: count }, (_, i) => ({
    role: i % 2 ? 'assistant' : 'user',
    content: `${i}${words(bytes)}`,
  }))
const chat = (messages: readonly Turn[], extra: object = {}) =>
  JSON.stringify({ model: 'm', messages, ...extra })

const keysOf = (prefix: PromptPrefix) => [...(prefix.prompt()?.keys ?? [])]
function shared(a: readonly number[], b: readonly number[]): number {
  const differs = a.findIndex((key, i) => key !== b[i])
  return differs === -1 ? a.length : differs
}

describe('the keys of a prompt', () => {
  test('are whole numbers from 1 on that a double holds exactly', () => {
    for (const key of keysOf(arrived(chat(turns(40, 2_000))))) {
      expect(Number.isSafeInteger(key) && key > 0).toBe(true)
    }
  })

  test('of a turn are the first keys of the next turn, whatever else changes in the request', () => {
    const history = turns(9, 700)
    const before = keysOf(arrived(chat(history.slice(0, 7), { temperature: 0.5 })))
    const after = keysOf(arrived(chat(history, { stream: true })))
    expect(before.length).toBeGreaterThan(6)
    // The last block of the earlier turn may hold the end of its body.
    expect(shared(before, after)).toBeGreaterThanOrEqual(before.length - 1)
    expect(after.length).toBeGreaterThan(before.length)
  })

  test('are the same however the body is cut into pieces', () => {
    const body = chat(turns(30, 900))
    const whole = keysOf(arrived(body))
    for (const bytes of [1, 100, 1_000, 16 * KIB]) expect(keysOf(arrived(body, {}, bytes))).toEqual(whole)
  })

  test('part at the first difference', () => {
    const a = words(4 * KIB)
    const b = `${a.slice(0, 2_000)}X${a.slice(2_001)}`
    const [ofA, ofB] = [a, b].map((prompt) => keysOf(arrived(JSON.stringify({ prompt }))))
    // Four blocks of 256 bytes; the fifth, of 1 KiB, has the difference in it.
    expect(shared(ofA!, ofB!)).toBe(4)
    expect(ofA!.slice(4).some((key) => ofB!.includes(key))).toBe(false)
  })

  test.for([
    ['callers', {}, { authorization: 'Bearer other' }, {}],
    ['models', { model: 'adapter' }, {}, {}],
    ['tools', {}, {}, { tools: [{ name: 'search' }] }],
    ['system prompts', {}, {}, { system: 'Be brief.' }],
  ] as const)('have nothing in common between different %s', ([, replaced, headers, added]) => {
    const messages = turns(5, 900)
    const one = keysOf(arrived(JSON.stringify({ model: 'm', messages }), { authorization: 'Bearer one' }))
    const other = keysOf(
      arrived(JSON.stringify({ model: 'm', messages, ...replaced, ...added }), {
        authorization: 'Bearer one',
        ...headers,
      }),
    )
    expect(one.length).toBeGreaterThan(3)
    expect(one.filter((key) => other.includes(key))).toEqual([])
  })

  test('of a prompt shorter than a block are one, the same for the same request', () => {
    const body = JSON.stringify({ system: words(600), messages: [{ role: 'user', content: 'hello' }] })
    expect(keysOf(arrived(body))).toHaveLength(1)
    expect(keysOf(arrived(body))).toEqual(keysOf(arrived(body)))
  })

  test('are none for a body too short to be worth it', () => {
    const body = chat([{ role: 'user', content: words(400) }])
    expect(body.length).toBeLessThan(512)
    expect(arrived(body).prompt()).toBeUndefined()
    expect(keysOf(arrived(chat([{ role: 'user', content: words(600) }])))).not.toEqual([])
  })

  test('cover the first 64 KiB, and who has read those counts as having read it all', () => {
    const body = JSON.stringify({ prompt: words(400 * KIB) })
    const prefix = beginning(body, 80 * KIB)
    const prompt = prefix.prompt()!
    expect(prompt.keys).toHaveLength(4 + 63)
    expect(prompt.ends[65]).toBe(63 * KIB)
    expect(prompt.ends[66]).toBe(prefix.units)
    expect(prefix.units).toBe(body.length)
  })

  test('end with the last whole block where the prompt is shorter than what is hashed', () => {
    const prompt = arrived(JSON.stringify({ prompt: words(10 * KIB + 500) })).prompt()!
    expect(prompt.keys).toHaveLength(4 + 9)
    expect(prompt.ends[12]).toBe(10 * KIB)
  })
})

describe('a request', () => {
  test('without a prompt that can be recognised has no keys but a size', () => {
    const prefix = arrived('RIFF....WAVE')
    expect(prefix.prompt()).toBeUndefined()
    expect(prefix.units).toBe(12)
    const unread = new PromptPrefix({
      request: { headers: {} },
      body: { kept: [], keptBytes: 0, announcedBytes: undefined, complete: false },
    })
    expect([unread.prompt(), unread.units, unread.session()]).toEqual([undefined, 0, undefined])
  })

  test('belongs to the session that it names, for its caller alone', () => {
    const session = (headers: Readonly<Record<string, string>>) => arrived('{}', headers).session()
    const mine = session({ 'x-session-id': 's1', authorization: 'Bearer one' })
    expect(mine).toBeGreaterThan(0)
    expect(session({ 'x-session-id': 's1', authorization: 'Bearer one' })).toBe(mine)
    expect(session({ 'x-session-id': 's2', authorization: 'Bearer one' })).not.toBe(mine)
    expect(session({ 'x-session-id': 's1', authorization: 'Bearer other' })).not.toBe(mine)
    expect(session({})).toBeUndefined()
  })
})
