import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cleanText, levelOf, MAX_LINE_CHARACTERS } from './kept-line.ts'

test.for<[string, string, string]>([
  ['colours', '\u001b[1;31mERROR\u001b[0m disk', 'ERROR disk'],
  ['a cursor that moves', '\u001b[2J\u001b[1;1Hgone', 'gone'],
  ['a title of the window', 'a\u001b]0;owned\u0007b', 'ab'],
  ['a link of the terminal', '\u001b]8;;http://evil\u001b\\click\u001b]8;;\u001b\\', 'click'],
  ['a bell and a backspace', 'a\u0007\u0008b', 'ab'],
  ['a progress bar', ' 10%\r 50%\r100%', '100%'],
  ['a line end of Windows in the middle', 'one\r', 'one'],
  ['text that is turned round', 'exe.\u202egnp', 'exe.gnp'],
  ['half of a character', 'a\ud800b', 'a\ufffdb'],
  ['a tab', 'a\tb', 'a\tb'],
  ['markup, which is text', '<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
])('%s', ([, text, clean]) => {
  expect(cleanText(text)).toBe(clean)
})

test('whatever is printed, nothing of it moves a cursor or is longer than it may be', () => {
  const hostile = fc.array(
    fc.constantFrom(
      '\u001b',
      '[',
      ']',
      '31m',
      '\u009b',
      ';',
      '\u0007',
      '\\',
      '\u202e',
      '\ud800',
      'x',
      '\u0000',
      '\r',
      '🚢',
    ),
  )
  fc.assert(
    fc.property(hostile, (parts) => {
      const clean = cleanText(parts.join(''))
      expect(clean).not.toMatch(/[[\p{Cc}\p{Bidi_Control}]--\t]/v)
      expect(clean.isWellFormed()).toBe(true)
    }),
  )
  expect(cleanText('x'.repeat(1_000_000))).toBe(
    `${'x'.repeat(MAX_LINE_CHARACTERS)} … (${1_000_000 - MAX_LINE_CHARACTERS} more characters)`,
  )
})

test.for<[string | null, string]>([
  ['info', 'INFO 08-01 10:00:00 [api_server.py:1] Started'],
  ['warn', '2026-08-01T10:00:00Z WARN router: slow'],
  ['warn', 'WARNING:root:careful'],
  ['error', '[2026-08-01] ERROR - it broke'],
  ['error', 'level=error msg="it broke"'],
  ['debug', '{"level":"debug","msg":"x"}'],
  ['info', '{"level":30,"time":1,"msg":"x"}'],
  ['error', '{"level":60,"msg":"x"}'],
  ['error', '[error] nginx says'],
  ['error', 'Traceback (most recent call last):'],
  ['error', 'torch.cuda.OutOfMemoryError: CUDA out of memory.'],
  [null, 'Information is not a level, and no error happened'],
  [null, 'GET /health 200'],
  [null, `${'x'.repeat(300)} ERROR`],
])('%s: %s', ([level, text]) => {
  expect(levelOf(text)).toBe(level)
})
