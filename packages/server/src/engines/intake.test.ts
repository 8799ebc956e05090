/** What each engine takes at once, and which of them is worth going back to with the same prompt. */
import type { Image } from '@berth/contract'
import { expect, test } from 'vitest'
import { countInArgs } from './argument-value.ts'
import { createEngines } from './engines.ts'

const engines = createEngines({
  server: undefined,
  compileCacheDirectory: undefined,
  runtimes: ['process', 'container'],
})
const intake = (name: string, image: Image, args: readonly string[] = []) =>
  engines.find((engine) => engine.name === name)!.intake({ image, args })

test.for<[string, Image, readonly string[], number | null, boolean]>([
  ['llamacpp', { llamacpp: { nParallel: 2 } }, [], 2, true],
  ['llamacpp', { llamacpp: { nParallel: 2 } }, ['-np', '6'], 6, true],
  ['llamacpp', { llamacpp: { nParallel: 2 } }, ['--parallel=8'], 8, true],
  ['llamacpp', { llamacpp: {} }, [], 4, true],
  ['llamacpp', { llamacpp: { nParallel: 2, mode: 'embeddings' } }, [], 2, false],
  ['vllm', { vLLM: {} }, [], null, true],
  ['vllm', { vLLM: { maxNumSeqs: 64 } }, [], 64, true],
  ['vllm', { vLLM: { maxNumSeqs: 64 } }, ['--max_num_seqs', '32'], 32, true],
  ['sglang', { sGLang: {} }, [], null, true],
  ['sglang', { sGLang: { maxRunningRequests: 48 } }, [], 48, true],
  ['tgi', { tgi: {} }, [], 128, true],
  ['tgi', { tgi: {} }, ['--max-concurrent-requests', '16'], 16, true],
  ['tei', { tei: {} }, [], 512, false],
  ['tei', { tei: { maxConcurrentRequests: 32 } }, [], 32, false],
  ['toolkit', { huggingface: {} }, [], 1, false],
  ['custom', { custom: { url: 'a/b' } }, [], null, false],
  ['echo', { echo: {} }, [], null, true],
  ['echo', { echo: { parallel: 3 } }, [], 3, true],
])('%s with %j and the arguments %j takes %s at once', ([name, image, args, room, keepsPrefixes]) => {
  expect(intake(name, image, args)).toEqual({ room, keepsPrefixes })
})

test.for<[readonly string[], number | undefined]>([
  [[], undefined],
  [['--n', '2', '--n', '3'], 3],
  [['--n=4'], 4],
  [['--n', 'many'], undefined],
  [['--n', '0'], undefined],
  [['--n'], undefined],
  [['--nn', '5'], undefined],
])('of the arguments %j the last that is a number counts', ([args, count]) => {
  expect(countInArgs(args, ['--n'])).toBe(count)
})

test.for<[string, Image, string | undefined]>([
  ['llamacpp', { llamacpp: {} }, '/v1/completions {"model":"acme/m","prompt":"a","max_tokens":1}'],
  ['llamacpp', { llamacpp: { mode: 'embeddings' } }, '/v1/embeddings {"model":"acme/m","input":"a"}'],
  [
    'llamacpp',
    { llamacpp: { mode: 'reranking' } },
    '/v1/rerank {"model":"acme/m","query":"a","documents":["a"]}',
  ],
  ['vllm', { vLLM: {} }, '/v1/completions {"model":"acme/m","prompt":"a","max_tokens":1}'],
  ['tgi', { tgi: {} }, '/generate {"inputs":"a","parameters":{"max_new_tokens":1}}'],
  ['tei', { tei: {} }, '/embed {"inputs":"a"}'],
  ['toolkit', { huggingface: {} }, undefined],
  ['custom', { custom: { url: 'a/b' } }, undefined],
])('%s with %j is asked %s when it is silent', ([name, image, question]) => {
  const vitals = engines.find((engine) => engine.name === name)!.vitals({ image, servedName: 'acme/m' })
  expect(vitals && `${vitals.question.path} ${vitals.question.body}`).toBe(question)
  expect(vitals?.counters.names.length).not.toBe(0)
})

test('an engine with few slots is not asked while it is idle, since one of them would forget its conversation', () => {
  const vitalsOf = (name: string, image: Image) =>
    engines.find((engine) => engine.name === name)?.vitals({ image, servedName: 'acme/m' })
  expect(vitalsOf('llamacpp', { llamacpp: {} })?.isAskedWhenIdle).toBe(false)
  expect(vitalsOf('llamacpp', { llamacpp: { mode: 'embeddings' } })?.isAskedWhenIdle).toBe(true)
  expect(vitalsOf('vllm', { vLLM: {} })?.isAskedWhenIdle).toBe(true)
})
