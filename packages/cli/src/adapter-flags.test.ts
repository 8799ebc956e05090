import { expect, test } from 'vitest'
import { type AdapterFlags, adaptersFrom } from './adapter-flags.ts'

const current = { old: { repository: 'acme/old', revision: 'abc' } }
const adapters = (flags: AdapterFlags) => adaptersFrom(flags, current, '/srv')

test.for<[flag: string, adapter: object]>([
  ['a=acme/lora', { repository: 'acme/lora' }],
  ['a=acme/lora@v1', { repository: 'acme/lora', revision: 'v1' }],
  ['a=./lora', { repository: 'file:/srv/lora' }],
  ['a=/models/lora@home', { repository: 'file:/models/lora@home' }],
  ['a=file:/models/lora', { repository: 'file:/models/lora' }],
])('--adapter %s', ([flag, adapter]) => {
  expect(adapters({ adapter: [flag] })).toEqual({ ...current, a: adapter })
})

test('no flag speaks of none', () => {
  expect(adapters({})).toBeUndefined()
})

test('one can be replaced, and taken away', () => {
  expect(adapters({ adapter: ['old=acme/new'] })).toEqual({ old: { repository: 'acme/new' } })
  expect(adapters({ unsetAdapter: ['old'] })).toEqual({})
})

test.for<[flags: AdapterFlags, words: string]>([
  [{ adapter: ['acme/lora'] }, 'write it as NAME=REPOSITORY'],
  [{ adapter: ['a='] }, 'write it as NAME=REPOSITORY'],
  [{ unsetAdapter: ['other'] }, "the endpoint's adapters are old."],
])('%j is refused with the way out', ([flags, words]) => {
  expect(() => adapters(flags)).toThrow(words)
})
