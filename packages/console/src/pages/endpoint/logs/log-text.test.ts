import { describe, expect, test } from 'vitest'
import { lineTime, MAX_SHOWN_CHARACTERS, pieces, shownText } from './log-text.ts'

describe('a line', () => {
  test.for([
    ['\u001b[31mred\u001b[0m', 'red'],
    ['\u001b]0;title\u0007text', 'text'],
    ['a\u0000b\u202ec', 'a\ufffdb\ufffdc'],
    ['tab\tstays', 'tab\tstays'],
    ['<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
  ] as const)('%j is shown as %j', ([line, text]) => {
    expect(shownText(line).text).toBe(text)
  })

  test('of a megabyte is cut, and says by how much', () => {
    const { text, cut } = shownText('x'.repeat(1_000_000))
    expect(text).toHaveLength(MAX_SHOWN_CHARACTERS)
    expect(cut).toBe(1_000_000 - MAX_SHOWN_CHARACTERS)
  })

  test('shows where a search matches, in any case', () => {
    expect(pieces('Error: no error', 'error')).toEqual(['', 'Error', ': no ', 'error', ''])
    expect(pieces('nothing', 'x')).toEqual(['nothing'])
    expect(pieces('all', '')).toEqual(['all'])
  })
})

test('a time of today is a time, one of another day has its date', () => {
  const now = Date.parse('2026-08-15T12:00:00Z')
  expect(lineTime('2026-08-15T10:00:00.120Z', 'utc', now)).toBe('10:00:00.120')
  expect(lineTime('2026-08-14T10:00:00.120Z', 'utc', now)).toBe('2026-08-14 10:00:00.120')
  expect(lineTime('nonsense', 'utc', now)).toBe('nonsense')
})
