import { expect, test } from 'vitest'
import { type Replies, repliesInWords, sumOfCounters, whatRepliesShow } from './vitals.ts'

test.for<[number | undefined, Replies['counters'], Replies['question'], string]>([
  // A question that was answered.
  [undefined, 'silent', 200, 'life'],
  [7, 7, 200, 'life'],
  // Counters that moved, backwards too: it was started anew.
  [7, 8, 'silent', 'life'],
  [7, 8, 'not asked', 'life'],
  [7, 0, 503, 'life'],
  // Counters that stood still.
  [7, 7, 'silent', 'nothing'],
  [7, 7, 'not asked', 'nothing'],
  [7, 7, 429, 'nothing'],
  [7, 7, 404, 'nothing'],
  // Silence.
  [undefined, 'silent', 'silent', 'nothing'],
  [7, 'silent', 'not asked', 'nothing'],
  [undefined, 7, 'silent', 'nothing'],
  [undefined, 'none', 503, 'nothing'],
  // Nothing to compare with, nothing asked that it understands.
  [undefined, 7, 'not asked', 'unclear'],
  [undefined, 7, 404, 'unclear'],
  [undefined, 'none', 'not asked', 'unclear'],
  [7, 'none', 400, 'unclear'],
])('after %s, counters %s and an answer %s show %s', ([before, counters, question, shows]) => {
  expect(whatRepliesShow(before, { counters, question })).toBe(shows)
})

test('what it replied is said in words', () => {
  expect(repliesInWords({ counters: 'silent', question: 'silent' })).toBe(
    'did not show its metrics and left the smallest question unanswered',
  )
  expect(repliesInWords({ counters: 7, question: 'not asked' })).toBe(
    'showed counters that stood still, and was full',
  )
  expect(repliesInWords({ counters: 'none', question: 503 })).toBe(
    'showed none of its counters and answered the smallest question with 503',
  )
})

test('counters are summed over their labels, and nothing else is', () => {
  const page = [
    '# HELP a_total Something.',
    '# TYPE a_total counter',
    'a_total{model="x y",kind="}"} 3 1700000000',
    'a_total{model="z"} 4.5',
    'a_total_more 100',
    'b 1e2',
    'c NaN',
    '',
  ].join('\n')
  expect(sumOfCounters(page, ['a_total'])).toBe(7.5)
  expect(sumOfCounters(page, ['a_total', 'b'])).toBe(107.5)
  expect(sumOfCounters(page, ['c', 'd'])).toBeUndefined()
})
