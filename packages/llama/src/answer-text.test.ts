import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AnswerText } from './answer-text.ts'

const bytes = (text: string) => Buffer.from(text)

function read(pieces: readonly Uint8Array[], stopWords: readonly string[]) {
  const answer = new AnswerText(stopWords)
  const shown = pieces.map((piece) => answer.push(piece))
  return { shown, text: shown.join('') + answer.finish(), stoppedBy: answer.stoppedBy }
}

/** What should be left: everything before the stop word that begins first. */
function cut(text: string, stopWords: readonly string[]): string {
  const ends = stopWords.map((word) => text.indexOf(word)).filter((index) => index !== -1)
  return text.slice(0, Math.min(text.length, ...ends))
}

describe('AnswerText', () => {
  test('shows every piece at once when nothing can be a stop word', () => {
    expect(read([bytes('one '), bytes('two')], ['x']).shown).toEqual(['one ', 'two'])
  })

  test('holds back what may begin a stop word, and shows it when it does not', () => {
    const { shown, text, stoppedBy } = read([bytes('a<'), bytes('/s'), bytes('b')], ['</s>'])
    expect(shown).toEqual(['a', '', '</sb'])
    expect(text).toBe('a</sb')
    expect(stoppedBy).toBeUndefined()
  })

  test('shows what it held back in vain at the end', () => {
    expect(read([bytes('a</s')], ['</s>']).text).toBe('a</s')
  })

  test('waits for the rest of a character, and drops one that stays unfinished', () => {
    const ship = bytes('🚢')
    expect(read([ship.subarray(0, 2), ship.subarray(2)], []).shown).toEqual(['', '🚢'])
    expect(read([bytes('a'), ship.subarray(0, 3)], []).text).toBe('a')
  })

  test('says nothing after a stop word', () => {
    expect(read([bytes('a STOP b'), bytes('c')], ['STOP'])).toEqual({
      shown: ['a ', ''],
      text: 'a ',
      stoppedBy: 'STOP',
    })
  })

  test('ends up with the same text however the bytes are divided, and never shows a part of a stop word', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '🚢'), maxLength: 30 })
    const words = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'é'), minLength: 1, maxLength: 4 }), {
      maxLength: 3,
    })
    fc.assert(
      fc.property(letters, words, fc.array(fc.nat(60)), (text, stopWords, cuts) => {
        const all = bytes(text)
        const borders = [0, ...cuts.filter((at) => at <= all.length).sort((a, b) => a - b), all.length]
        const pieces = borders.slice(1).map((end, i) => all.subarray(borders[i], end))
        const answer = new AnswerText(stopWords)
        let shown = ''
        let stopped = false
        for (const piece of pieces) {
          if (stopped) break
          shown += answer.push(piece)
          stopped = answer.stoppedBy !== undefined
        }
        // A word that begins earlier but ends later may lose against one that is complete already.
        const expected = stopped ? cutAtFirstComplete(text, stopWords, shown) : cut(text, stopWords)
        expect(shown + answer.finish()).toBe(expected)
        for (const word of stopWords) expect(shown).not.toContain(word)
      }),
    )
  })
})

/** The text up to a stop word that really stands there. */
function cutAtFirstComplete(text: string, stopWords: readonly string[], shown: string): string {
  expect(stopWords.some((word) => text.startsWith(shown + word))).toBe(true)
  return text.slice(0, shown.length)
}
