import { expect, test } from 'vitest'
import { collectGarbage } from './collect-garbage.ts'

test('what nobody holds any more is given back', async () => {
  const collected = Promise.withResolvers<string>()
  const registry = new FinalizationRegistry<string>(collected.resolve)
  ;(() => registry.register({ what: 'held by nobody' }, 'gone'))()
  collectGarbage()
  expect(await collected.promise).toBe('gone')
})
