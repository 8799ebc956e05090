import { expect, test } from 'vitest'
import { baseModelIn } from './repository-card.ts'

test.for([
  [{ base_model_name_or_path: 'meta-llama/Llama-3.1-8B', r: 8 }, 'meta-llama/Llama-3.1-8B'],
  [{ base_model_name_or_path: '/home/me/llama' }, undefined],
  [{ base_model_name_or_path: '../llama' }, undefined],
  [{ base_model_name_or_path: 'a b/c; rm' }, undefined],
  [{ base_model_name_or_path: 8 }, undefined],
  [{}, undefined],
  [null, undefined],
] as const)('the configuration %j of an adapter names the model %j', ([config, base]) => {
  expect(baseModelIn(config)).toBe(base)
})
