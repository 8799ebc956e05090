import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LineSplitter, MAX_LINE_BYTES } from './line-splitter.ts'

test('lines are the same however the bytes are cut into chunks', () => {
  const text = fc.array(fc.stringMatching(/^[a-zü🚢 ]*$/u), { maxLength: 8 }).map((lines) => lines.join('\n'))
  fc.assert(
    fc.property(text, fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (whole, sizes) => {
      const expected = whole.split('\n')
      // Text after the last line feed is a line only if there is any.
      if (expected.at(-1) === '') expected.pop()
      expect(splitInto(Buffer.from(whole), sizes)).toEqual(expected)
    }),
  )
})

test('a carriage return before the end belongs to the end', () => {
  expect(splitInto(Buffer.from('one\r\ntwo\r\n'), [3])).toEqual(['one', 'two'])
})

test('a line without an end arrives in pieces and is never held whole', () => {
  const pieces = splitInto(Buffer.alloc(MAX_LINE_BYTES * 2 + 5, 'x'), [10_000])
  expect(pieces.map(({ length }) => length)).toEqual([MAX_LINE_BYTES, MAX_LINE_BYTES, 5])
})

test('a line of exactly the limit is one line', () => {
  const line = 'x'.repeat(MAX_LINE_BYTES)
  expect(splitInto(Buffer.from(`${line}\nshort\n`), [10_000])).toEqual([line, 'short'])
})

function splitInto(bytes: Buffer, sizes: readonly number[]): string[] {
  const splitter = new LineSplitter()
  const lines: string[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1
    lines.push(...splitter.push(bytes.subarray(at, at + size)))
    at += size
  }
  return [...lines, ...splitter.flush()]
}
