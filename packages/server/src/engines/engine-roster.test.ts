import { expect, test } from 'vitest'
import { EngineRoster } from './engine-roster.ts'

const options = { server: undefined, compileCacheDirectory: undefined }
const both = new EngineRoster(['process', 'docker'], options)
const gguf = { repository: 'acme/chat', files: [{ path: 'chat.gguf', sizeBytes: 1, sha256: '' }] }
const wish = { gpus: 0 }

test('an engine is another on another runtime, and any serves where none is named', () => {
  expect(both.engine('llamacpp', 'process')?.runtimes).toEqual(['process'])
  expect(both.engine('llamacpp', 'docker')?.runtimes).toEqual(['container'])
  expect(both.engine('vllm', 'process')).toBeUndefined()
  expect(both.engine('vllm', undefined)?.name).toBe('vllm')
  expect(both.engine('llamacpp', 'kubernetes')).toBeUndefined()
})

test('the engine is chosen among those of the hardware’s runtime, the first where none is named', () => {
  const chosen = (runtime: string | undefined) =>
    both.choose({ llamacpp: {} }, gguf, { ...wish, runtime }).engine.runtimes
  expect(chosen('docker')).toEqual(['container'])
  expect(chosen('process')).toEqual(['process'])
  expect(chosen(undefined)).toEqual(['process'])
})

test('an engine of the other runtime is refused with the hardware to choose, one of none with what it needs', () => {
  const custom = { custom: { url: 'acme/engine:1' } }
  expect(() => both.choose(custom, gguf, { ...wish, runtime: 'process' })).toThrow(
    'The engine "custom" runs on the runtime "docker", and this hardware belongs to "process".',
  )
  const processes = new EngineRoster(['process'], options)
  expect(() => processes.choose(custom, gguf, { ...wish, runtime: undefined })).toThrow(
    'needs the Docker runtime',
  )
})
