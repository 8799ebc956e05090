import { expect, test } from 'vitest'
import { reservedSetting } from './reserved-settings.ts'

const nothing = { env: [], args: [], command: [] }

test.for([
  'LLAMA_ARG_MODEL',
  'LLAMA_ARG_HTTP_THREADS',
  'LLAMA_ARG_N_GPU_LAYERS',
  'LLAMA_ARG_EMBEDDINGS',
  'LLAMA_ARG_HOST',
  'LLAMA_ARG_PORT',
  'LLAMA_ARG_NO_MMAP',
  'LLAMA_ARG_CTX_SIZE',
  'LLAMA_ARG_N_PARALLEL',
  'LLAMA_ARG_ENDPOINT_METRICS',
  'LLAMA_API_KEY',
])('%s cannot be set in the environment of llama.cpp', (name) => {
  expect(reservedSetting('llamacpp', { ...nothing, env: ['HF_TOKEN', name] })).toEqual({
    field: `model.env.${name}`,
    message: expect.stringContaining(`${name} cannot be set: `),
  })
})

test('the refused argument is named with its place', () => {
  expect(reservedSetting('llamacpp', { ...nothing, args: ['--jinja', '--host', '0.0.0.0'] })).toEqual({
    field: 'model.args.1',
    message: 'The argument --host cannot be set: Berth chooses where a replica listens.',
  })
})

test('what is not reserved may be set, and names of one engine are free in another', () => {
  const given = { ...nothing, env: ['LLAMA_ARG_FLASH_ATTN', 'constructor'], args: ['-fa', 'on', '__proto__'] }
  expect(reservedSetting('llamacpp', given)).toBeUndefined()
  expect(reservedSetting('echo', { ...nothing, env: ['LLAMA_API_KEY'] })).toBeUndefined()
  expect(reservedSetting('custom', { ...nothing, args: ['--host'] })).toBeUndefined()
})

test('the arguments of the user’s own command are the user’s, but the key stays ours', () => {
  const own = { ...nothing, command: ['/bin/mine'] }
  expect(reservedSetting('llamacpp', { ...own, args: ['--port', '{port}'] })).toBeUndefined()
  expect(reservedSetting('llamacpp', { ...own, env: ['LLAMA_API_KEY'] })).toBeDefined()
})

test.for<[engine: string, env: string, arg: string]>([
  ['vllm', 'VLLM_API_KEY', '--served-model-name'],
  ['vllm', 'VLLM_SERVER_DEV_MODE', '--tensor_parallel_size=2'],
  ['sglang', 'HF_HUB_OFFLINE', '--tp'],
  ['tgi', 'QUANTIZE', '--num-shard'],
  ['tei', 'POOLING', '--model-id'],
])('%s refuses variable %s and argument %s, with what to do instead', ([engine, env, arg]) => {
  expect(reservedSetting(engine, { ...nothing, env: [env] })).toMatchObject({ field: `model.env.${env}` })
  expect(reservedSetting(engine, { ...nothing, args: ['--ok', arg] })).toMatchObject({
    field: 'model.args.1',
  })
})

test('the toolkit’s model and port are Berth’s', () => {
  for (const name of ['HF_MODEL_DIR', 'HF_MODEL_ID', 'PORT']) {
    expect(reservedSetting('toolkit', { ...nothing, env: ['HF_TASK', name] })?.field).toBe(
      `model.env.${name}`,
    )
  }
})
