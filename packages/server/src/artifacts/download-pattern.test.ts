import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chooseFiles, matchesPattern } from './download-pattern.ts'

test.for<[path: string, pattern: string, matches: boolean]>([
  ['config.json', '*.json', true],
  ['onnx/config.json', '*.json', true], // a star also matches slashes, as in Python's fnmatch
  ['config.json', '*.JSON', false],
  ['config.json', 'config', false],
  ['onnx/model.onnx', 'onnx/', true],
  ['onnx-old/model.onnx', 'onnx/', false],
  ['model-q4.gguf', 'model-q?.gguf', true],
  ['model-q10.gguf', 'model-q?.gguf', false],
  ['model-q4.gguf', 'model-q[0-5].gguf', true],
  ['model-q8.gguf', 'model-q[0-5].gguf', false],
  ['model-q8.gguf', 'model-q[!0-5].gguf', true],
  ['a]b', 'a[]]b', true],
  ['a[b', 'a[b', true],
  ['a-b', 'a[x-]b', true],
  ['model.gguf', 'model+gguf', false],
  ['é.bin', '?.bin', true],
  ['😀.bin', '?.bin', true],
  ['', '*', true],
  ['abcabc', '*abc', true],
  ['x', '**', true],
])('%j matches %j: %j', ([path, pattern, matches]) => {
  expect(matchesPattern(path, pattern)).toBe(matches)
})

test('stars and question marks mean what the regular expression means', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 12 })
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 })
  fc.assert(
    fc.property(text, pattern, (path, glob) => {
      const expected = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's')
      expect(matchesPattern(path, glob)).toBe(expected.test(path))
    }),
  )
})

test('a pattern full of stars is still answered', () => {
  expect(matchesPattern('a'.repeat(2_000), `${'*a'.repeat(200)}b`)).toBe(false)
})

test('files are those included and not excluded, and all when nothing is said', () => {
  const files = ['a.json', 'b.bin', 'c.bin'].map((path) => ({ path }))
  expect(chooseFiles(files, {})).toEqual(files)
  expect(chooseFiles(files, { include: ['*.bin'], exclude: ['c*'] })).toEqual([{ path: 'b.bin' }])
  expect(chooseFiles(files, { include: [] })).toEqual([])
})
