import { expect, test } from 'vitest'
import { legacyOf, sumPages } from './sum-pages.ts'

const page = (requests: number, waiting: number, endpoint = 'acme/chat') =>
  [
    '# HELP requests_total Requests.',
    '# TYPE requests_total counter',
    `requests_total{endpoint="${endpoint}",status="2xx"} ${requests}`,
    '# HELP waiting Waiting now.',
    '# TYPE waiting gauge',
    `waiting{endpoint="${endpoint}"} ${waiting}`,
    '# HELP took_seconds How long.',
    '# TYPE took_seconds histogram',
    `took_seconds_bucket{endpoint="${endpoint}",le="+Inf"} ${requests}`,
    `took_seconds_sum{endpoint="${endpoint}"} 0.5`,
    '',
  ].join('\n')

test('one page stays what it is', () => {
  expect(sumPages([page(1, 2)])).toBe(page(1, 2))
})

test('samples of the same name and labels add up, others stand beside each other', () => {
  const sum = sumPages([page(1, 2), page(10, 20), page(5, 0, 'acme/other')])
  expect(sum).toContain('requests_total{endpoint="acme/chat",status="2xx"} 11\n')
  expect(sum).toContain('waiting{endpoint="acme/chat"} 22\n')
  expect(sum).toContain('took_seconds_bucket{endpoint="acme/chat",le="+Inf"} 11\n')
  expect(sum).toContain('took_seconds_sum{endpoint="acme/chat"} 1\n')
  expect(sum).toContain('requests_total{endpoint="acme/other",status="2xx"} 5\n')
  expect(sum.match(/^# TYPE/gm)).toHaveLength(3)
})

test('of a worker that is gone only what it counted remains, of endpoints that may be seen', () => {
  const legacy = legacyOf(sumPages([page(3, 9), page(4, 9, 'acme/gone')]), (name) => name === 'acme/chat')
  expect(legacy).toContain('requests_total{endpoint="acme/chat",status="2xx"} 3')
  expect(legacy).not.toContain('waiting')
  expect(legacy).not.toContain('acme/gone')
})
