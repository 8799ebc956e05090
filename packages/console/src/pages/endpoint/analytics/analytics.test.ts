import type { MetricSeries, MetricsAnswer } from '@berth/contract'
import { describe, expect, test } from 'vitest'
import { graphsOf } from './graphs.ts'
import { boundsOf, chosenRange, lastRanges, refreshMs, stepSeconds } from './time-range.ts'

const NOW = 1_800_000_000_000
const HOUR = 3_600_000

describe('a range of time', () => {
  test.for(lastRanges)('of the last %s comes in some hundred points of whole steps', (last) => {
    const range = { kind: 'last', last } as const
    const { from, to } = boundsOf(range, NOW)
    const step = stepSeconds(range)
    const points = (to - from) / 1_000 / step
    expect(points).toBeGreaterThan(80)
    expect(points).toBeLessThanOrEqual(180)
    expect(step % 10).toBe(0)
  })

  test('that was dragged over is kept, and is never shorter than a minute', () => {
    expect(chosenRange(NOW - HOUR, NOW)).toEqual({ kind: 'between', from: NOW - HOUR, to: NOW })
    expect(chosenRange(NOW, NOW + 10)).toEqual({ kind: 'between', from: NOW - 29_995, to: NOW + 30_005 })
  })

  test('that is over is not asked for again', () => {
    expect(refreshMs(chosenRange(NOW - HOUR, NOW))).toBe(false)
    expect(refreshMs({ kind: 'last', last: '1h' })).toBe(10_000)
  })
})

const series = (
  name: MetricSeries['name'],
  labels: MetricSeries['labels'],
  values: (number | null)[] = [1],
  replica: string | null = null,
): MetricSeries => ({
  name,
  unit: 'count',
  replica,
  labels,
  values,
})
const answer = (all: MetricSeries[]): MetricsAnswer => ({
  start: '',
  stop: '',
  stepSeconds: 10,
  replicaIds: [],
  times: [NOW],
  series: all,
  summary: {
    requests: {},
    latency: null,
    timeToFirstToken: null,
    interToken: null,
    inputTokens: 0,
    outputTokens: 0,
    cachedTokens: 0,
  },
  limits: { maxReplica: 3, cpus: 1, memoryBytes: 100, gpus: null, gpuMemoryBytes: null },
  markers: [],
})

describe('the graphs', () => {
  test('that have nothing to show are left out', () => {
    expect(graphsOf(answer([series('gpu', { statistic: 'mean' }, [null])]), 'all')).toEqual([])
  })

  test('colour a status by what it means', () => {
    const [graph] = graphsOf(
      answer([series('requests', { status: '200' }), series('requests', { status: '503' })]),
      'all',
    )
    expect(graph!.series.map(({ label, colour }) => [label, colour])).toEqual([
      ['200', 'series-2'],
      ['503', 'series-4'],
    ])
  })

  test('show how many replicas there may be', () => {
    const [graph] = graphsOf(answer([series('replicas', { phase: 'ready' })]), 'all')
    expect(graph!.ceiling).toBe(3)
  })

  test('of each replica have one line for each', () => {
    const all = ['a', 'b'].flatMap((replica) =>
      ['0.5', '0.95'].map((quantile) => series('latency', { quantile }, [1], replica)),
    )
    const [graph] = graphsOf(answer(all), 'each')
    expect(graph!.series.map(({ label }) => label)).toEqual(['a', 'b'])
  })
})
