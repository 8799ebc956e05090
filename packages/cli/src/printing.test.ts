import { expect, test } from 'vitest'
import { readAnswer, statsLine } from './chat-answer.ts'
import { linesOf } from './commands/logs.ts'
import { certificateFinding, hardwareFindings } from './examine-machine.ts'
import { LineDisplay, MovingLineDisplay } from './start-display.ts'
import { bytes, duration, facts, table } from './table.ts'
import { endpointSample } from './testing/samples.ts'

test('columns are as wide as their widest cell, whatever its colour', () => {
  const green = '\u001b[32mrunning\u001b[39m'
  expect(
    table(
      ['NAME', 'STATE', 'URL'],
      [
        ['a', green, 'http://x'],
        ['longer', 'failed', '-'],
      ],
    ),
  ).toBe(['NAME    STATE    URL', `a       ${green}  http://x`, 'longer  failed   -'].join('\n'))
})

test('facts leave out what is empty and keep lines in their column', () => {
  expect(
    facts([
      ['url', 'x'],
      ['error', null],
      ['engine', 'a\nb'],
    ]),
  ).toBe('url     x\nengine  a\n        b')
})

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [1_048_576, '1.0 MB'],
  [2.5e9, '2.5 GB'],
  [9e15, '9000.0 TB'],
])('%s bytes are %s', (count, text) => expect(bytes(count)).toBe(text))

test.each([
  [0, '0 s'],
  [1, '1 s'],
  [61_000, '1 min 1 s'],
  [3_720_000, '1 h 2 min'],
])('%s ms are %s', (ms, text) => expect(duration(ms)).toBe(text))

test('without a terminal a start is told by its changes, and a download by its tenths', () => {
  const lines: string[] = []
  const display = new LineDisplay((line) => lines.push(line.trimEnd()))
  const download = (bytesDone: number) =>
    endpointSample({
      state: 'initializing',
      message: `${bytesDone}`,
      progress: { phase: 'downloading', bytesDone, bytesTotal: 1_000, bytesPerSecond: 100, etaMs: 4_000 },
    }).status
  const pending = endpointSample({ state: 'pending', message: 'Accepted.' }).status
  for (const status of [pending, pending, download(0), download(50), download(510), download(590)]) {
    display.show(status)
  }
  expect(lines).toEqual([
    'pending: Accepted.',
    'initializing: downloading 0 B of 1.0 kB (0 %), 100 B/s, 4 s left',
    'initializing: downloading 510 B of 1.0 kB (51 %), 100 B/s, 4 s left',
  ])
})

test('at a terminal a start is one line that never grows beyond its width, and leaves nothing behind', () => {
  let written = ''
  const display = new MovingLineDisplay(
    (text) => {
      written += text
    },
    () => 44,
  )
  const progress = { phase: 'downloading' as const, bytesDone: 500, bytesTotal: 1_000 }
  display.show(endpointSample({ state: 'initializing', message: 'x', progress }).status)
  display.show(endpointSample({ state: 'initializing', message: '\u001b[31mloading\nand more' }).status)
  display.end()
  expect(written.split('\r\u001b[K')).toEqual([
    '',
    '⠋ ██████████░░░░░░░░░░ initializing: downlo',
    '⠙ initializing: loading',
    '',
  ])
})

test('an answer is read from a chunk, from a whole completion, and from an error', () => {
  expect(readAnswer('{"choices":[{"delta":{"content":"Hi"}}]}')).toMatchObject({
    text: 'Hi',
    error: undefined,
  })
  expect(readAnswer('{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}')).toMatchObject({
    text: 'Hi',
    finishReason: 'stop',
  })
  expect(readAnswer('{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}')?.usage).toEqual({
    prompt_tokens: 1,
    completion_tokens: 2,
  })
  expect(readAnswer('{"error":"It crashed.","code":"bad_gateway"}')?.error).toBe('It crashed.')
  expect(readAnswer('{"error":{"message":"Too long."}}')?.error).toBe('Too long.')
  expect(readAnswer('<html>')).toBeUndefined()
})

test('the rate counts the tokens after the first one, over the time since it', () => {
  const usage = { prompt_tokens: 7, completion_tokens: 11 }
  expect(statsLine(usage, { sentAt: 0, firstTextAt: 500, endedAt: 1_500 })).toBe(
    '11 tokens in 1.50 s, 10.0 tokens/s, first after 0.50 s, prompt 7 tokens',
  )
  expect(statsLine(usage, { sentAt: 0, firstTextAt: 500, endedAt: 502 })).not.toContain('tokens/s')
  expect(statsLine(undefined, { sentAt: 0, firstTextAt: undefined, endedAt: 1_500 })).toBe('1.50 s')
})

test('log lines are whole wherever the pieces end', async () => {
  const pieces = (async function* () {
    yield* ['one\ntw', 'o\n', '\nlast']
  })()
  expect(await Array.fromAsync(linesOf(pieces))).toEqual(['one', 'two', '', 'last'])
})

test('a machine with too little memory for a replica is told what it needs', () => {
  const findings = hardwareFindings({
    instanceTypes: [],
    total: { cpus: 1, memoryBytes: 1e9, gpus: 0 },
    notices: ['no cgroup may be written'],
  })
  expect(findings).toContainEqual({
    level: 'missing',
    about: 'instances',
    message: '1.0 GB of memory is too little for one replica',
    remedy: 'Give this machine or container at least 4 GB of memory.',
  })
  expect(findings).toContainEqual({ level: 'note', about: 'limits', message: 'no cgroup may be written' })
})

test.for<[what: string, status: Parameters<typeof certificateFinding>[1], level: string, message: RegExp]>([
  ['nothing was tried yet', undefined, 'note', /ordered by the first/],
  ['the first is on its way', { expiresAt: null, nextOrderAt: 0, failure: null }, 'note', /none yet$/],
  [
    'all is well',
    { expiresAt: 2_000, nextOrderAt: 1_500, failure: null },
    'fine',
    /expires 1970-01-01T00:00:02/,
  ],
  [
    'a renewal failed and there is time',
    { expiresAt: 2_000, nextOrderAt: 1_500, failure: { message: 'no route' } },
    'note',
    /expires .*; the last order failed: no route/,
  ],
  [
    'it has expired',
    { expiresAt: 500, nextOrderAt: 1_500, failure: { message: 'no route' } },
    'missing',
    /expired .*no route/,
  ],
  [
    'there was never one',
    { expiresAt: null, nextOrderAt: 1_500, failure: { message: 'no route' } },
    'missing',
    /none/,
  ],
])('doctor says of a certificate when %s', ([, status, level, message]) => {
  const finding = certificateFinding(['a.test', 'b.test'], status, 1_000)
  expect(finding).toMatchObject({ level, message: expect.stringMatching(message) })
  expect(finding.message).toContain('a.test, b.test')
  expect(Boolean(finding.remedy)).toBe(status?.failure !== null && status !== undefined)
})
