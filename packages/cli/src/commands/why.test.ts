import type { DecisionView } from '@berth/contract'
import { describe, expect, test } from 'vitest'
import { explanation, timeFrom } from './why.ts'

const AT = '2026-08-01T10:00:00.000Z'
const decision = (changes: Partial<DecisionView> = {}): DecisionView => ({
  sequence: 1,
  kind: 'change',
  at: AT,
  until: null,
  from: 1,
  to: 3,
  term: 'pendingHigh',
  sentence: '3 replicas: 4 requests are pending per replica, above 1.5.',
  inputs: {},
  alternative: null,
  holdsUntil: null,
  infeasible: false,
  terms: null,
  ...changes,
})
const later = '2026-08-01T10:02:00.000Z'
const present = decision({
  kind: 'present',
  at: later,
  from: 3,
  sentence: '3 replicas: nothing calls for a change.',
  holdsUntil: '2026-08-01T10:05:00.000Z',
})

describe('why', () => {
  test('answers with the judgement of now, then how it came', () => {
    expect(explanation({ items: [decision()], present }, undefined)).toBe(
      [
        '3 replicas: nothing calls for a change.',
        'It does not go down before 2026-08-01T10:05:00.000Z.',
        '',
        `${AT}  1 → 3  3 replicas: 4 requests are pending per replica, above 1.5.`,
      ].join('\n'),
    )
  })

  test('of another time answers with what was known then', () => {
    const said = explanation({ items: [decision({ infeasible: true })], present }, later)
    expect(said.split('\n').slice(0, 2)).toEqual([
      '3 replicas: 4 requests are pending per replica, above 1.5.',
      'No count up to the maximum keeps the latency promise.',
    ])
  })

  test('says of a quiet hour how often which rule bound', () => {
    const summary = decision({
      kind: 'summary',
      until: later,
      from: 3,
      terms: { steady: 60, quietAfterDown: 2 },
    })
    expect(explanation({ items: [summary], present: null }, undefined)).toContain(
      `${AT}  3  unchanged until ${later}: steady 60 times, quietAfterDown 2 times.`,
    )
  })

  test('says when nothing is known', () => {
    expect(explanation({ items: [], present: null }, undefined)).toBe('Nothing has been decided yet.')
    expect(explanation({ items: [], present }, AT)).toContain(`Nothing is kept from before ${AT}`)
  })

  test('times are written out, or so long ago', () => {
    const now = Date.parse(AT)
    expect(timeFrom('90m', now)).toBe('2026-08-01T08:30:00.000Z')
    expect(timeFrom('2026-08-01T12:00:00+02:00', now)).toBe(AT)
    expect(() => timeFrom('yesterday', now)).toThrow('--at is "yesterday"')
  })
})
