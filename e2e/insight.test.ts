/** What happened, and why, on real processes: load, output, changes and news, also over the death of the control process. */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { LogLine, News } from '@berth/contract'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Berth, endpointOf } from './berth-process.ts'
import { EventStream } from './sse.ts'
import { until } from './until.ts'

const NAME = 'talker'
const ENGINE = path.join(import.meta.dirname, 'talking-engine.mjs')

let berth: Berth
let programs: string
beforeAll(async () => {
  programs = await mkdtemp(path.join(tmpdir(), 'berth-talker-'))
  const program = path.join(programs, 'llama-server')
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${ENGINE}' "$@"\n`, { mode: 0o755 })
  berth = await Berth.start({ BERTH_LLAMA_SERVER: program })
  await berth.deploy(endpointOf(NAME, { llamacpp: {} }))
})
afterAll(async () => {
  await berth?.stop()
  await rm(programs, { recursive: true, force: true })
})

const place = () => ({ params: { namespace: berth.namespace, name: NAME } })
const at = (route: string, version = 'v2') =>
  `${berth.url}/${version}/endpoint/${berth.namespace}/${NAME}/${route}`
async function text(url: string): Promise<string> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${berth.token}` } })
  expect(response.status).toBe(200)
  return await response.text()
}

/** Has the engine print these lines. */
async function say(...lines: readonly string[]): Promise<void> {
  const response = await berth.chat(NAME, lines.join('\n'))
  expect(response.status).toBe(200)
  await response.text()
}
const lines = async (query: NonNullable<Parameters<typeof berth.client.readLogLines>[0]['query']>) =>
  await berth.client.readLogLines({ ...place(), query })
const texts = (found: readonly LogLine[]) => found.map(({ line }) => line)

test('load is seen in the series: requests, latency and tokens, of the endpoint and of its replica', async () => {
  const before = (await berth.client.readMetrics(place())).summary.requests['200'] ?? 0
  await Promise.all(Array.from({ length: 25 }, () => say('busy')))
  const metrics = await until('the load to be counted', async () => {
    const answer = await berth.client.readMetrics({ ...place(), query: { replica: 'each', step: 10 } })
    return (answer.summary.requests['200'] ?? 0) >= before + 25 && answer
  })
  expect(metrics.summary.requests['200']).toBe(before + 25)
  expect(metrics.summary.latency!.p50).toBeGreaterThan(0)
  expect(metrics.summary.inputTokens).toBe(3 * (before + 25))
  expect(metrics.summary.outputTokens).toBe(2 * (before + 25))
  expect(metrics.replicaIds).toHaveLength(1)
  const ofReplica = metrics.series.find(
    ({ name, replica, labels }) => name === 'requests' && replica !== null && labels.status === '200',
  )
  expect(ofReplica?.replica).toBe(metrics.replicaIds[0])
  expect(ofReplica!.values.reduce<number>((sum, value) => sum + (value ?? 0), 0)).toBe(before + 25)
  const isMeasured = async () => {
    const { series } = await berth.client.readMetrics({ ...place(), query: { names: 'memory,replicas' } })
    const has = (name: string) => series.some((one) => one.name === name && one.values.some((value) => value))
    return has('memory') && has('replicas')
  }
  await until('the replica to be measured', isMeasured)
})

describe('output', () => {
  test('is found by its end, its time, a word, its severity and its replica', async () => {
    await say('INFO alpha one', 'ERROR alpha two', 'alpha <img src=x onerror=alert(1)> three')
    const all = await until('three lines', async () => {
      const found = await lines({ search: 'ALPHA' })
      return found.length === 3 && found
    })
    expect(texts(all)).toEqual([
      'INFO alpha one',
      'ERROR alpha two',
      'alpha <img src=x onerror=alert(1)> three',
    ])
    expect(texts(await lines({ search: 'alpha', tail: 1 }))).toEqual([all[2]!.line])
    expect(texts(await lines({ search: 'alpha', level: 'error' }))).toEqual(['ERROR alpha two'])
    expect(await lines({ search: 'alpha', replica: all[0]!.replica_id })).toHaveLength(3)
    expect(await lines({ search: 'alpha', replica: 'nobody-aaaaa' })).toEqual([])
    const since = new Date(Date.parse(all[2]!.timestamp) + 1).toISOString()
    expect(await lines({ search: 'alpha', since })).toEqual([])
    expect(await lines({ search: 'alpha', until: all[2]!.timestamp })).toHaveLength(3)
    expect(texts(await lines({ search: 'alpha', after: all[0]!.id, limit: 1 }))).toEqual(['ERROR alpha two'])
    expect((await text(at('logs?search=alpha&tail=2'))).trim().split('\n')).toHaveLength(2)
  })

  test('is followed as it comes, and over the death of the control process none is lost and none is told twice', async () => {
    const follow = (after?: string) =>
      EventStream.open(
        at(`logs/sse?search=beta${after ? `&after=${encodeURIComponent(after)}` : '&tail=0'}`, 'v3'),
        berth.token,
      )
    // A stream that breaks off ends with what broke it.
    const told = (stream: EventStream) =>
      stream.events.map(({ data }) => data as LogLine).filter((one) => 'line' in one)
    const stream = await follow()
    await say('beta 1')
    await say('beta 2')
    await until('two lines to be told', () => told(stream).length === 2)
    const last = told(stream).at(-1)!

    await berth.kill('control')
    await stream.ended
    // The gateway serves on, and the engine prints while nobody reads.
    await say('beta 3')
    await berth.startControl()
    const again = await follow(last.id)
    await say('beta 4')
    await until('the rest to be told', () => told(again).length >= 2)
    expect(texts([...told(stream), ...told(again)])).toEqual(['beta 1', 'beta 2', 'beta 3', 'beta 4'])
    expect(texts(await lines({ search: 'beta' }))).toEqual(['beta 1', 'beta 2', 'beta 3', 'beta 4'])
    await again.close()
  })
})

test('the timeline says what changed, who did it and why, and how long each replica was there', async () => {
  await berth.client.updateEndpoint({ ...place(), body: { tags: ['seen'] } })
  const found = await until('the change to be written down', async () => {
    const timeline = await berth.client.readTimeline(place())
    return timeline.events.some(({ kind }) => kind === 'endpoint.updated') && timeline
  })
  const changed = found.events.find(({ kind }) => kind === 'endpoint.updated')!
  expect(changed).toMatchObject({ actor: berth.namespace, endpoint: `${berth.namespace}/${NAME}` })
  expect(changed.message).toContain('tags')
  expect(found.events.find(({ kind }) => kind === 'endpoint.created')?.actor).toBe(berth.namespace)
  expect(found.events.find(({ kind }) => kind === 'replica.ready')?.actor).not.toBe(berth.namespace)
  const [life] = found.replicas
  expect(life?.spans.map(({ phase }) => phase)).toEqual(['starting', 'ready'])
  const { markers } = await berth.client.readMetrics(place())
  expect(markers.map(({ kind }) => kind)).toContain('endpoint.updated')
})

test('a listener hears of a change at once, and one that comes back misses nothing', async () => {
  const open = (after?: string) =>
    EventStream.open(
      `${berth.url}/v2/live/${berth.namespace}${after ? `?after=${encodeURIComponent(after)}` : ''}`,
      berth.token,
    )
  const news = (stream: EventStream) => stream.events.map(({ data }) => data as News)
  const tagsIn = (stream: EventStream) =>
    news(stream).flatMap((one) =>
      one.type === 'endpoint' && one.endpoint.name === NAME ? one.endpoint.tags : [],
    )
  const tag = (tags: string[]) => berth.client.updateEndpoint({ ...place(), body: { tags } })

  const first = await open()
  await until('the greeting', () => news(first)[0]?.type === 'ready')
  await tag(['live-1'])
  await until('the change', () => tagsIn(first).includes('live-1'))
  await until('its event', () =>
    news(first).some((one) => one.type === 'event' && one.event.kind === 'endpoint.updated'),
  )
  const { id } = first.events.at(-1)!
  await first.close()
  await tag(['live-2'])

  const second = await open(id)
  await until('what was missed', () => tagsIn(second).includes('live-2'))
  expect(news(second)[0]).toMatchObject({ type: 'ready', missed: false })
  await second.close()
})

test('a token in use says so', async () => {
  const { id, token } = await berth.client.createToken({ body: { name: 'caller' } })
  const lastUsed = async () =>
    (await berth.client.listTokens()).items.find((one) => one.id === id)!.lastUsedAt
  expect(await lastUsed()).toBeNull()
  const begun = Date.now()
  await (await berth.chat(NAME, 'hello', {}, { headers: { authorization: `Bearer ${token}` } })).text()
  const seen = await until('the use to be known', async () => (await lastUsed()) ?? undefined)
  expect(Date.parse(seen)).toBeGreaterThanOrEqual(begun)
})

/** The managed service calls them percent, where Prometheus would rather have a ratio. */
const THEIR_NAMES = /^(?:cpu|gpu)_usage_percent /
const hasPromtool = spawnSync('promtool', ['--version']).status === 0

describe("Prometheus' own tool (skipped where promtool is not there)", () => {
  test.skipIf(!hasPromtool).for([
    ['the endpoint', () => at('open-metrics')],
    ['the gateway', () => `${berth.url}/metrics`],
    ['the control process', () => `${berth.url}/v2/system/metrics`],
  ] as const)('finds nothing wrong with the page of %s', async ([, url]) => {
    await say('something to count')
    const input = await until('a page with numbers', async () => {
      const page = await text(url())
      return page.includes(NAME) || page.includes('http_requests_total') ? page : undefined
    })
    const { stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })
    const complaints = `${stdout}${stderr}`
      .split('\n')
      .filter((line) => line.trim() !== '' && !THEIR_NAMES.test(line))
    expect(complaints).toEqual([])
  })
})
