import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DrainRate } from './drain-rate.ts'
import { urgencyOf } from './urgency.ts'
import { type Waiting, WaitingLine } from './waiting-line.ts'

const LIMITS = { requests: 1_000, bytes: 1_000_000 }
const about = (changes: Partial<Waiting> = {}): Waiting => ({
  holder: 'a',
  urgency: 3,
  tokens: 10,
  bytes: 100,
  ...changes,
})

/** Names as waiters: `holder` and a number. */
function lineOf(
  names: readonly string[],
  limits = LIMITS,
  of: (name: string) => Partial<Waiting> = () => ({}),
) {
  const line = new WaitingLine<string>(limits)
  for (const name of names) line.join(name, about({ holder: name[0]!, ...of(name) }))
  return line
}

function serveAll<W>(line: WaitingLine<W>, most = Number.POSITIVE_INFINITY): W[] {
  const served: W[] = []
  while (served.length < most) {
    const next = line.next()
    if (next === undefined) break
    line.serve(next)
    served.push(next)
  }
  return served
}

describe('whose turn it is', () => {
  test('one holder’s requests go in the order in which they came', () => {
    expect(serveAll(lineOf(['a1', 'a2', 'a3']))).toEqual(['a1', 'a2', 'a3'])
  })

  test('one request of a light holder does not wait behind all of a heavy one’s', () => {
    const line = lineOf(['a1', 'a2', 'a3', 'a4', 'b1'])
    expect(serveAll(line)).toEqual(['a1', 'b1', 'a2', 'a3', 'a4'])
  })

  test('holders share by tokens and not by requests', () => {
    const line = lineOf(['a1', 'b1', 'a2', 'b2', 'b3', 'b4', 'b5'], LIMITS, (name) => ({
      tokens: name.startsWith('a') ? 40 : 10,
    }))
    expect(serveAll(line)).toEqual(['a1', 'b1', 'b2', 'b3', 'b4', 'a2', 'b5'])
  })

  test('what came out counts too, when it is known', () => {
    const line = lineOf(['a1', 'b1', 'a2', 'b2', 'a3'])
    expect(serveAll(line, 2)).toEqual(['a1', 'b1'])
    line.charge('a', 1_000)
    expect(serveAll(line)).toEqual(['b2', 'a2', 'a3'])
  })

  test('who comes back has saved nothing up', () => {
    const line = lineOf(['a1', 'a2', 'a3', 'a4', 'a5'])
    serveAll(line, 3)
    for (const name of ['b1', 'b2', 'b3']) line.join(name, about({ holder: 'b' }))
    expect(serveAll(line)).toEqual(['a4', 'b1', 'a5', 'b2', 'b3'])
  })

  test('more urgent ones go first, and one turn in eight is for those passed over', () => {
    const line = new WaitingLine<string>(LIMITS)
    for (let i = 1; i <= 3; i++) line.join(`late${i}`, about({ urgency: 5 }))
    for (let i = 1; i <= 16; i++) line.join(`soon${i}`, about({ urgency: 1 }))
    const order = serveAll(line)
    expect(order.indexOf('late1')).toBe(7)
    expect(order.indexOf('late2')).toBe(15)
    expect(order.slice(0, 7)).toEqual([1, 2, 3, 4, 5, 6, 7].map((i) => `soon${i}`))
  })
})

describe('a full line', () => {
  const few = { requests: 3, bytes: 1_000_000 }

  test('refuses the holder with the most in it', () => {
    const line = lineOf(['a1', 'a2', 'a3'], few)
    expect(line.join('a4', about())).toEqual({ kind: 'full', of: 'requests' })
    expect(line.waiters).toEqual(['a1', 'a2', 'a3'])
  })

  test('makes room for another by the newest of that holder, never by the oldest', () => {
    const line = lineOf(['a1', 'a2', 'a3'], few)
    expect(line.join('b1', about({ holder: 'b' }))).toEqual({ kind: 'joined', pushedOut: ['a3'] })
    expect(line.join('c1', about({ holder: 'c' }))).toEqual({ kind: 'joined', pushedOut: ['a2'] })
    expect(line.join('d1', about({ holder: 'd' }))).toEqual({ kind: 'full', of: 'requests' })
    expect(line.waiters).toEqual(['a1', 'b1', 'c1'])
  })

  test('counts bytes as well, and lets in whoever is first', () => {
    const line = new WaitingLine<string>({ requests: 10, bytes: 1_000 })
    expect(line.join('big', about({ holder: 'a', bytes: 5_000 })).kind).toBe('joined')
    expect(line.join('a2', about({ holder: 'a' }))).toEqual({ kind: 'full', of: 'bytes' })
    line.leave('big')
    for (let i = 0; i < 10; i++) line.join(`a${i}`, about({ holder: 'a' }))
    expect(line.join('b', about({ holder: 'b', bytes: 250 }))).toEqual({
      kind: 'joined',
      pushedOut: ['a9', 'a8', 'a7'],
    })
    expect(line.bytes).toBe(950)
  })
})

const anyRequest = fc.record({
  holder: fc.constantFrom('a', 'b', 'c', 'd'),
  urgency: fc.integer({ min: 0, max: 7 }),
  tokens: fc.integer({ min: 1, max: 500 }),
  bytes: fc.nat(1_000),
})
type Act = { readonly kind: 'join'; readonly request: Waiting } | { readonly kind: 'serve' | 'leave' }
const anyActs = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('join' as const), request: anyRequest }),
    fc.record({ kind: fc.constantFrom('serve' as const, 'leave' as const) }),
  ),
  { maxLength: 120 },
)

function act(
  line: WaitingLine<number>,
  acts: readonly Act[],
  each: (gone: readonly number[]) => void = () => {},
) {
  acts.forEach((one, number) => {
    if (one.kind === 'join') {
      const joined = line.join(number, one.request)
      each(joined.kind === 'joined' ? joined.pushedOut : [])
    } else {
      const next = one.kind === 'serve' ? line.next() : line.waiters[0]
      if (next === undefined) return
      if (one.kind === 'serve') line.serve(next)
      else line.leave(next)
    }
  })
}

test('whatever comes, the line stays within its bounds, and the first in it is never pushed out', () => {
  fc.assert(
    fc.property(
      anyActs,
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 500, max: 5_000 }),
      (acts, requests, bytes) => {
        const line = new WaitingLine<number>({ requests, bytes })
        let oldest: number | undefined
        act(line, acts, (pushedOut) => {
          expect(line.size).toBeLessThanOrEqual(requests)
          if (line.size > 1) expect(line.bytes).toBeLessThanOrEqual(bytes)
          expect(pushedOut).not.toContain(oldest)
          oldest = line.waiters[0]
        })
        const held = line.waiters.length
        expect(serveAll(line)).toHaveLength(held)
        expect([line.size, line.bytes]).toEqual([0, 0])
      },
    ),
  )
})

test('the first in line keeps its place, larger than the line allows, also before one who brings nothing', () => {
  const line = new WaitingLine<string>({ requests: 2, bytes: 500 })
  line.join('large', { holder: 'a', urgency: 0, tokens: 1, bytes: 501 })
  const joined = line.join('empty', { holder: 'd', urgency: 0, tokens: 1, bytes: 0 })
  expect(joined).toEqual({ kind: 'full', of: 'bytes' })
  expect(line.waiters).toEqual(['large'])
})

test('equally urgent requests of one holder never overtake each other', () => {
  fc.assert(
    fc.property(fc.array(anyRequest, { minLength: 1, maxLength: 80 }), (requests) => {
      const line = new WaitingLine<number>(LIMITS)
      for (const [number, request] of requests.entries()) line.join(number, request)
      const order = serveAll(line)
      const last = new Map<string, number>()
      for (const number of order) {
        const { holder, urgency } = requests[number]!
        const key = `${holder} ${urgency}`
        expect(number).toBeGreaterThan(last.get(key) ?? -1)
        last.set(key, number)
      }
    }),
  )
})

test('two holders who both have something waiting are never further apart than one request each', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 4, maxLength: 60 }),
      fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 4, maxLength: 60 }),
      (ofA, ofB) => {
        const line = new WaitingLine<readonly [string, number]>(LIMITS)
        for (const tokens of ofA) line.join(['a', tokens], about({ holder: 'a', tokens }))
        for (const tokens of ofB) line.join(['b', tokens], about({ holder: 'b', tokens }))
        const given = { a: 0, b: 0 }
        const left = { a: ofA.length, b: ofB.length }
        const largest = Math.max(...ofA, ...ofB)
        while (left.a > 0 && left.b > 0) {
          const [name, tokens] = serveAll(line, 1)[0]! as readonly ['a' | 'b', number]
          given[name] += tokens
          left[name]--
          expect(Math.abs(given.a - given.b)).toBeLessThanOrEqual(largest)
        }
      },
    ),
  )
})

test('the least urgent is served within eight turns for each urgency before it, however many urgent ones come', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 5 }), (urgencies) => {
      const line = new WaitingLine<number>(LIMITS)
      let number = 0
      const others = [...new Set(urgencies)]
      const crowd = () => {
        for (const urgency of others) line.join(++number, about({ holder: `u${urgency}`, urgency }))
      }
      crowd()
      line.join(0, about({ holder: 'patient', urgency: 7 }))
      for (let turn = 1; turn <= 8 * (others.length + 1); turn++) {
        crowd()
        const next = line.next()!
        line.serve(next)
        if (next === 0) return
      }
      expect.fail('it was not served')
    }),
  )
})

test.for<[string | undefined, number | undefined, number]>([
  [undefined, undefined, 3],
  ['u=5', undefined, 5],
  ['u=1', undefined, 3],
  ['u=1', 0, 1],
  ['i, u=2', 1, 2],
  ['u=0;x', 1, 1],
  ['u=9', 0, 3],
  ['u=11', 0, 3],
  ['mu=1', 0, 3],
  ['urgent', 0, 3],
])('the priority "%s" of a token that may ask for %s counts as %i', ([header, most, urgency]) => {
  expect(urgencyOf(header, most)).toBe(urgency)
})

describe('how fast a line drains', () => {
  test('is unknown at first, and then what was seen', () => {
    const rate = new DrainRate(0)
    expect(rate.msFor(5, 0)).toBeUndefined()
    for (let i = 1; i <= 20; i++) rate.served(i * 500)
    expect(rate.msFor(10, 10_000)).toBeGreaterThan(4_000)
    expect(rate.msFor(10, 10_000)).toBeLessThan(6_000)
  })

  test('is never said to be faster than a second or slower than ten minutes', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100_000), { maxLength: 50 }), fc.nat(10_000), (pauses, turns) => {
        const rate = new DrainRate(0)
        let now = 0
        for (const pause of pauses) {
          now += pause
          rate.served(now)
        }
        const ms = rate.msFor(turns, now) ?? 1_000
        expect(ms).toBeGreaterThanOrEqual(1_000)
        expect(ms).toBeLessThanOrEqual(600_000)
      }),
    )
  })
})
