import { expect, test } from 'vitest'
import type { WeighedModel } from '../artifacts/model-store.ts'
import type { InstanceType } from '../domain/instance-type.ts'
import type { Engine } from '../engines/engine.ts'
import { createEngines } from '../engines/engines.ts'
import { refuseMisfit } from './fit-check.ts'

const GIB = 2 ** 30
const engines = createEngines({ server: undefined, compileCacheDirectory: undefined })

/** 1 GiB of KV cache for 8192 tokens; llama.cpp's own part is a third of a GiB. */
const gguf = {
  'general.architecture': 'llama',
  'llama.block_count': 32,
  'llama.embedding_length': 4_096,
  'llama.attention.head_count': 32,
  'llama.attention.head_count_kv': 8,
  'llama.vocab_size': 128_256,
}

function check(weightBytes: number, { engine = 'llamacpp', known = true } = {}) {
  const weighed: WeighedModel = { bytes: weightBytes, parameters: undefined, dtype: undefined, gguf }
  const models = {
    weigh: async () => (known ? weighed : undefined),
    describe: async () => ({ task: undefined, library: undefined, config: undefined }),
  }
  const instance = { instanceType: 'cpu', instanceSize: 'x2', gpus: 0, memoryBytes: 4 * GIB } as InstanceType
  return refuseMisfit(
    {
      models: models as unknown as Parameters<typeof refuseMisfit>[0]['models'],
      engine: (name): Engine | undefined => engines.find((one) => one.name === name),
    },
    {
      engine,
      artifact: { source: 'hub', repository: 'acme/chat', revision: null, files: [] },
      image: { llamacpp: { modelPath: 'a.gguf', nParallel: 1, ctxSize: 8_192 } },
      args: [],
      instance,
      token: undefined,
    },
  )
}

test('what fits is let through without a word', async () => {
  expect(await check(2 * GIB)).toBeUndefined()
})

test('what only the engine’s own part makes too large is let through with a warning', async () => {
  expect(await check(2.9 * GIB)).toMatch(/^It does not fit: .* One of these makes it fit: /)
})

test('weights and KV cache that are more than there is are refused with the way out', async () => {
  await expect(check(3.5 * GIB)).rejects.toMatchObject({
    code: 'invalid',
    reason: 'does_not_fit',
    field: 'compute.instanceSize',
    message: expect.stringMatching(/^On cpu\/x2: It does not fit: .*at most \d+ tokens of context/),
  })
})

test('what nobody can know refuses nobody', async () => {
  expect(await check(9 * GIB, { known: false })).toBeUndefined()
  expect(await check(9 * GIB, { engine: 'echo' })).toBeUndefined()
})
