import { expect, test } from 'vitest'
import type { ReplicaId } from '../domain/replica.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { fieldsIn, linesOf } from './http1/field-lines.ts'
import { RequestMeter } from './request-meter.ts'
import { EndpointTraffic } from './traffic.ts'

const STREAM = { 'content-type': 'text/event-stream' }
const text = (content: string) => `data: {"choices":[{"delta":{"content":"${content}"}}]}\n\n`
const usage = (output: number) =>
  `data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":${output}}}\n\n`

const answer = (fields: Readonly<Record<string, string>>, status = 200) => ({
  status,
  headers: fieldsIn(linesOf(fields)),
  reason: '',
  bytes: undefined,
})

async function meterAt(takesUsageOut = false) {
  const clock = new FakeClock(1_000_000)
  const traffic = new EndpointTraffic()
  const meter = new RequestMeter(clock, traffic)
  await clock.advance(100)
  meter.sent('r1' as ReplicaId, takesUsageOut)
  const passed = (chunk: string) => meter.passed(Buffer.from(chunk)).toString()
  return { clock, traffic, meter, passed }
}

test('times run from the moment the replica got the request', async () => {
  const { clock, traffic, meter, passed } = await meterAt()
  meter.waited(60)
  meter.began(answer(STREAM))
  await clock.advance(40)
  passed(text('a'))
  await clock.advance(20)
  passed(text('b') + text('c'))
  await clock.advance(30)
  passed(text('d') + usage(4))
  meter.rest()

  expect(meter.measures(0)).toMatchObject({
    heldMs: 60,
    firstTokenMs: 40,
    interTokenMs: 50 / 3,
    outputTokens: 4,
  })
  // Two tokens that came together 20 ms after the first are 10 ms apart; the next took 30 ms.
  expect(traffic.interToken.sum).toBeCloseTo(0.05)
  expect(traffic.interToken.counts.reduce((a, b) => a + b)).toBe(3)
})

test('several tokens in one event count as the engine counts them', async () => {
  const { clock, meter, passed } = await meterAt()
  meter.began(answer(STREAM))
  passed(text('several words'))
  await clock.advance(90)
  passed(text('more of them') + usage(10))
  meter.rest()
  expect(meter.measures(0)).toMatchObject({ outputTokens: 10, interTokenMs: 10, isEstimated: false })
})

test('a retry forgets what an attempt before it began', async () => {
  const { clock, meter, passed } = await meterAt()
  await clock.advance(500)
  meter.sent('r2' as ReplicaId, false)
  meter.began(answer(STREAM))
  await clock.advance(5)
  passed(text('a'))
  expect(meter.measures(0)).toMatchObject({ replicaId: 'r2', firstTokenMs: 5 })
})

test.for<{ when: string; stream: string; ends: boolean; input: number; output: number; estimated: boolean }>([
  {
    when: 'the engine says all',
    stream: text('a') + usage(7),
    ends: true,
    input: 9,
    output: 7,
    estimated: false,
  },
  {
    when: 'it says nothing',
    stream: text('a') + text('b'),
    ends: true,
    input: 25,
    output: 2,
    estimated: true,
  },
  {
    when: 'it was cut off',
    stream: text('a') + text('b'),
    ends: false,
    input: 25,
    output: 2,
    estimated: true,
  },
  {
    when: 'it was cut off after the usage',
    stream: text('a') + usage(7),
    ends: false,
    input: 9,
    output: 7,
    estimated: false,
  },
  {
    when: "it was cut off when only a first count was known, as Anthropic's streams have",
    stream: `data: {"message":{"usage":{"input_tokens":9,"output_tokens":1}}}\n\n${text('a').repeat(5)}`,
    ends: false,
    input: 9,
    output: 5,
    estimated: true,
  },
  { when: 'it has no text', stream: ': nothing\n\n', ends: true, input: 0, output: 0, estimated: false },
])('tokens of a stream when $when', async ({ stream, ends, input, output, estimated }) => {
  const { meter, passed } = await meterAt()
  meter.began(answer(STREAM))
  passed(stream)
  if (ends) meter.rest()
  expect(meter.measures(100)).toMatchObject({
    inputTokens: input,
    outputTokens: output,
    isEstimated: estimated,
  })
})

test.for<[string, Readonly<Record<string, string>>, number]>([
  ['an error', STREAM, 500],
  ['compressed bytes', { ...STREAM, 'content-encoding': 'gzip' }, 200],
  ['a picture', { 'content-type': 'image/png' }, 200],
  ['something without a type', {}, 200],
])('%s is passed on and not read', async ([, headers, status]) => {
  const { meter, passed, traffic } = await meterAt(true)
  meter.began(answer(headers, status))
  const whole = text('a') + usage(3)
  expect(passed(whole.slice(0, 20)) + passed(whole.slice(20)) + (meter.rest() ?? '')).toBe(whole)
  expect(meter.keepsLength).toBe(true)
  expect(meter.measures(100)).toMatchObject({ inputTokens: 0, outputTokens: 0, isEstimated: false })
  expect(traffic.sentBytes).toBe(whole.length)
})

test('only a stream that was asked on behalf of its client loses its usage', async () => {
  const stream = text('a') + usage(3)
  const asked = await meterAt(true)
  asked.meter.began(answer(STREAM))
  expect(asked.meter.keepsLength).toBe(false)
  expect(asked.passed(stream)).toBe(text('a'))
  const notAsked = await meterAt(false)
  notAsked.meter.began(answer(STREAM))
  expect(notAsked.passed(stream)).toBe(stream)
})

test.for([
  'application/json',
  'application/json; charset=utf-8',
  'application/problem+json',
  'APPLICATION/JSON',
])('an answer of type %s is read', async (contentType) => {
  const { meter, passed } = await meterAt()
  meter.began(answer({ 'content-type': contentType }))
  passed('{"usage":{"prompt_tokens":3,"completion_tokens":4}}')
  meter.rest()
  expect(meter.measures(100)).toMatchObject({ inputTokens: 3, outputTokens: 4, isEstimated: false })
})

const inChunk = (events: string) => `${events.length.toString(16)}\r\n${events}\r\n`

test('events that pass in their chunks are counted as those that are read from them', async () => {
  const { clock, traffic, meter } = await meterAt()
  meter.began(answer(STREAM))
  for (const events of [text('a'), text('b') + text('c'), usage(3)]) {
    expect(meter.eventsPass(inChunk(events), events.length)).toBe(true)
    await clock.advance(10)
  }
  meter.rest()
  expect(meter.measures(0)).toMatchObject({ inputTokens: 9, outputTokens: 3, isEstimated: false })
  expect(traffic.sentBytes).toBe(3 * text('a').length + usage(3).length)
})

test('a usage that the client did not ask for does not pass in its chunk, nor anything after half an event', async () => {
  const { meter, passed } = await meterAt(true)
  meter.began(answer(STREAM))
  const empty = text('a').replace('}\n', ',"usage":null}\n')
  expect(meter.eventsPass(inChunk(empty), empty.length)).toBe(true)
  expect(meter.eventsPass(inChunk(usage(1)), usage(1).length)).toBe(false)
  expect(passed(usage(1))).toBe('')
  expect(passed('data: ')).toBe('')
  expect(meter.eventsPass(inChunk(text('b')), text('b').length)).toBe(false)
  expect(passed('1\n\n')).toBe('data: 1\n\n')
  expect(meter.eventsPass(inChunk(text('b')), text('b').length)).toBe(true)
  expect(meter.measures(0)).toMatchObject({ inputTokens: 9, outputTokens: 2 })
})
