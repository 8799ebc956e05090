import fc from 'fast-check'
import { expect, test } from 'vitest'
import { UsageEventFilter } from './usage-event-filter.ts'

const USAGE = 'data: {"id":"c","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":3}}'

const feed = (filter: UsageEventFilter, chunk: Buffer) => filter.feed(chunk, chunk.toString('latin1'))

function passed(stream: string, cuts: readonly number[] = []): string {
  const bytes = Buffer.from(stream)
  const filter = new UsageEventFilter()
  const out: Buffer[] = []
  let from = 0
  for (const cut of [...cuts.map((cut) => cut % bytes.length), bytes.length].toSorted((a, b) => a - b)) {
    out.push(Buffer.from(feed(filter, bytes.subarray(from, cut))))
    from = cut
  }
  return Buffer.concat([...out, filter.rest()]).toString()
}

const anyEvent = fc.constantFrom(
  'data: {"choices":[{"delta":{"content":"żółw 🐢"}}],"usage":null}\n\n',
  'data: {"choices":[{"delta":{"content":"\\"choices\\":[],\\"usage\\":{}"}}]}\n\n',
  'data: {"choices":[{"delta":{}}],"usage":{"prompt_tokens":5,"completion_tokens":3}}\r\n\r\n',
  'data: {"choices":[],"usage":null}\n\n',
  'data: {"choices":[],"prompt_filter_results":[]}\n\n',
  'data: {"choices":[],"usage":{"prompt_tokens":5}\n\n',
  ': waiting\n\n',
  'event: x\nid: 7\n\n',
  'data: [DONE]\n\n',
  '\n',
  '\u2028no event',
)

test('only the event that says nothing but the usage is missing, wherever chunks end', () => {
  const anyUsage = fc.constantFrom(`${USAGE}\n\n`, `${USAGE}\r\n\r\n`, `event: usage\n${USAGE}\n\n`)
  fc.assert(
    fc.property(
      fc.array(anyEvent),
      anyUsage,
      fc.array(anyEvent),
      fc.array(fc.nat(), { maxLength: 30 }),
      (before, usage, after, cuts) => {
        // What has no empty line at its end belongs to the event after it.
        const whole = [...before, '\n\n']
        expect(passed([...whole, usage, ...after].join(''), cuts)).toBe([...whole, ...after].join(''))
      },
    ),
  )
})

test('without such an event nothing is missing', () => {
  fc.assert(
    fc.property(fc.array(anyEvent), fc.array(fc.nat(), { maxLength: 30 }), (events, cuts) => {
      const stream = `${events.join('')} `
      expect(passed(stream, cuts)).toBe(stream)
    }),
  )
})

test('an event goes on as soon as it is complete', () => {
  const filter = new UsageEventFilter()
  expect(feed(filter, Buffer.from('data: 1\n')).toString()).toBe('')
  expect(feed(filter, Buffer.from('\ndata: 2\n\nda')).toString()).toBe('data: 1\n\ndata: 2\n\n')
  expect(filter.rest().toString()).toBe('da')
})

test('an event without end is not held for ever', () => {
  const filter = new UsageEventFilter()
  let out = ''
  for (let i = 0; i < 20; i++) out += feed(filter, Buffer.from('x'.repeat(10_000)))
  expect(out.length).toBeGreaterThanOrEqual(130_000)
  expect(out.length + filter.rest().length).toBe(200_000)
})
