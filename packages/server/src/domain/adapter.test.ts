import { expect, test } from 'vitest'
import { adapterId, adapterIn } from './adapter.ts'

test.for<[name: string, model: string, adapter: string | undefined]>([
  ['acme/chat', 'acme/chat', undefined],
  ['acme/chat:support', 'acme/chat', 'support'],
  ['chat:support', 'chat', 'support'],
  ['chat:', 'chat', ''],
  ['http://berth/e/acme/chat', 'http://berth/e/acme/chat', undefined],
])('%s names the model %s and the adapter %s', ([name, model, adapter]) => {
  expect(adapterIn(name)).toEqual({ model, adapter })
})

test('another content under the same name is another adapter to the engine', () => {
  const [one, other] = ['a', 'b'].map((letter) => adapterId({ name: 'support', hash: letter.repeat(64) }))
  expect(one).toBe('support-aaaaaaaaaaaa')
  expect(other).not.toBe(one)
})
