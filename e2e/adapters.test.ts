/** Adapters through the whole of Berth, with the rehearsal engine. With a real llama-server: `both-runtimes.test.ts`. */
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Image } from '@berth/contract'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Berth, endpointOf } from './berth-process.ts'
import { until } from './until.ts'

let berth: Berth
beforeAll(async () => {
  berth = await Berth.start()
})
afterEach(() => berth.deleteEndpoints())
afterAll(() => berth?.stop())

const placeOf = (name: string) => path.join(berth.home, 'models', name)
const put = async (name: string, file: string, content: string) => {
  await mkdir(placeOf(name), { recursive: true })
  await writeFile(path.join(placeOf(name), file), content)
}
const repository = (name: string) => `file:${placeOf(name)}`

async function deployWith(image: Image, model: string, adapters: readonly string[]): Promise<void> {
  const wish = endpointOf('chat', image, { repository: model })
  const named = Object.fromEntries(adapters.map((name) => [name, { repository: repository(name) }]))
  await berth.deploy({ ...wish, model: { ...wish.model, adapters: named } })
}

const client = () => new OpenAI({ baseURL: `${berth.url}/v1`, apiKey: berth.token, maxRetries: 0 })
async function ask(model: string) {
  const { data, response } = await client()
    .chat.completions.create({
      model: `${berth.namespace}/${model}`,
      messages: [{ role: 'user', content: 'Say something of your own.' }],
      temperature: 0,
      max_tokens: 12,
    })
    .withResponse()
  return {
    model: data.model,
    content: data.choices[0]?.message.content,
    adapter: response.headers.get('x-berth-adapter'),
  }
}

test('an adapter is called by its name, and its content decides what is called', async () => {
  await put('support', 'adapter_config.json', '{"r": 8}')
  await put('support', 'adapter_model.safetensors', 'first')
  await deployWith({ echo: {} }, 'berth/guide', ['support'])

  const first = await ask('chat:support')
  expect(first.model).toMatch(/^support-[0-9a-f]{12}$/)
  expect(first.adapter).toMatch(/^support; sha256=[0-9a-f]{64}$/)
  expect(await ask('chat')).toMatchObject({ model: `${berth.namespace}/chat`, adapter: null })
  const models = await client().models.list()
  expect(models.data.map(({ id }) => id)).toContain(`${berth.namespace}/chat:support`)
  await expect(ask('chat:other')).rejects.toMatchObject({ status: 404, message: /It has: support/ })

  await put('support', 'adapter_model.safetensors', 'second')
  const place = { params: { namespace: berth.namespace, name: 'chat' } }
  const body = { model: { adapters: { support: { repository: repository('support') } } } }
  await berth.client.updateEndpoint({ ...place, body })
  const second = await until('the other content to answer', async () => {
    const now = await ask('chat:support')
    return now.model !== first.model && now
  })
  expect(second.adapter).not.toBe(first.adapter)
})
