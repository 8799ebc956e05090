import { expect, test } from 'vitest'
import { Histogram, MetricsPage } from './prometheus.ts'

test('a histogram counts a value in the first bucket that is large enough', () => {
  const histogram = new Histogram([1, 2])
  for (const value of [0, 1, 1.5, 2, 99]) histogram.observe(value)
  histogram.observe(0.5, 3)
  expect(histogram.counts).toEqual([5, 2, 1])
  expect(histogram.sum).toBe(105)
})

test('a page reads as Prometheus wants it, with buckets that add up', () => {
  const histogram = new Histogram([0.5, 1])
  histogram.observe(0.25, 2)
  histogram.observe(3)
  const page = new MetricsPage()
  page.counter('a_total', 'What a is.', [
    [{}, 7],
    [{ name: 'x"\\\n', kind: 'y' }, 1],
  ])
  page.histogram('h', 'What h is.', [[{ name: 'x' }, histogram]])
  page.summary('s', 'What s is.', [[{ name: 'x' }, { quantiles: [[0.5, 1.5]], sum: 6, count: 4 }]])
  page.gauge('g', 'Nothing yet.', [])
  expect(page.text).toBe(
    [
      '# HELP a_total What a is.',
      '# TYPE a_total counter',
      'a_total 7',
      'a_total{name="x\\"\\\\\\n",kind="y"} 1',
      '# HELP h What h is.',
      '# TYPE h histogram',
      'h_bucket{name="x",le="0.5"} 2',
      'h_bucket{name="x",le="1"} 2',
      'h_bucket{name="x",le="+Inf"} 3',
      'h_sum{name="x"} 3.5',
      'h_count{name="x"} 3',
      '# HELP s What s is.',
      '# TYPE s summary',
      's{name="x",quantile="0.5"} 1.5',
      's_sum{name="x"} 6',
      's_count{name="x"} 4',
      '# HELP g Nothing yet.',
      '# TYPE g gauge',
      '',
    ].join('\n'),
  )
})
