/**
 * One installation with two runtimes: the same spec, on processes and in containers, through everything that happens
 * to an endpoint, and nothing left of it. Run as `.ci/run` does:
 *
 *     .ci/with-docker.sh .ci/with-images.sh npm run test:e2e -- e2e/both-runtimes.test.ts
 */
import { execFile } from 'node:child_process'
import { mkdir, readdir } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Endpoint, Image } from '@berth/contract'
import Docker from 'dockerode'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { findOnnxProgram } from '../packages/server/src/engines/onnx-program.ts'
import { writeRandomAdapter } from '../tools/gguf/random-adapter.ts'
import { PRESETS, writeRandomModel } from '../tools/gguf/random-model.ts'
import { writeRandomBert } from '../tools/onnx/random-bert.ts'
import { Berth, endpointOf } from './berth-process.ts'
import { until } from './until.ts'

const SOCKET = process.env['BERTH_TEST_DOCKER_SOCKET']
const LLAMA_SERVER = process.env['BERTH_TEST_LLAMA_SERVER']
const hasAll = SOCKET !== undefined && LLAMA_SERVER !== undefined && findOnnxProgram() !== undefined

/** On a process the name of an image means nothing, so one spec does for both. */
const CHAT: Image = { llamacpp: { url: 'localhost/berth/llamacpp:0.1.0', nParallel: 2, ctxSize: 2_048 } }
const TEXTS: Image = { tei: { url: 'localhost/berth/toolkit:0.1.0' } }

/** Where the sizes of each runtime are offered. */
const REGIONS = { process: 'default', docker: 'docker' } as const
type Runtime = keyof typeof REGIONS

describe.skipIf(!hasAll)(
  'one spec on either runtime (needs .ci/with-docker.sh and .ci/with-images.sh)',
  () => {
    const docker = new Docker({ socketPath: SOCKET })
    let berth: Berth
    let before: Awaited<ReturnType<typeof leftovers>>

    beforeAll(async () => {
      before = await leftovers(docker)
      berth = await Berth.start({
        BERTH_RUNTIME: 'process,docker',
        DOCKER_HOST: `unix://${SOCKET}`,
        BERTH_LLAMA_SERVER: LLAMA_SERVER!,
      })
    })
    afterEach(async () => {
      await berth.deleteEndpoints()
      await until('every container to be gone', async () => (await ours()).length === 0)
    })
    afterAll(async () => {
      await berth?.stop()
      expect(await leftovers(docker)).toEqual(before)
    })

    const ours = () => docker.listContainers({ all: true, filters: { label: ['berth.installation'] } })
    const place = (name: string) => ({ params: { namespace: berth.namespace, name } })
    const replicas = async (name: string) =>
      (await berth.client.listReplicas(place(name))).items.map(({ id }) => id).toSorted()
    const on = (runtime: Runtime, endpoint: Endpoint): Endpoint => ({
      ...endpoint,
      provider: { vendor: 'local', region: REGIONS[runtime] },
    })
    const openai = () => new OpenAI({ baseURL: `${berth.url}/v1`, apiKey: berth.token, maxRetries: 0 })
    const chat = async (name: string, content: string) => {
      const response = await berth.chat(name, content)
      expect(response.status, await response.clone().text()).toBe(200)
      const { choices } = (await response.json()) as { choices: { message: { content: string } }[] }
      return choices[0]!.message.content
    }
    const model = async (name: string, head?: Parameters<typeof writeRandomBert>[1]) => {
      const directory = path.join(berth.home, 'models', name)
      await mkdir(directory, { recursive: true })
      writeRandomBert(directory, head)
      return `file:${directory}`
    }
    /** Where its replicas are, as the kernel and the daemon say. */
    const expectRunsOn = async (runtime: Runtime, name: string) => {
      const containers = (await ours()).filter(({ Labels }) => Labels['berth.endpoint']?.endsWith(`/${name}`))
      const processes = (await berth.processes('engine')).filter(({ command }) =>
        command.includes(`/${name} `),
      )
      expect([containers.length > 0, processes.length > 0]).toEqual([
        runtime === 'docker',
        runtime === 'process',
      ])
    }

    test('the hardware of both is offered, each with a place of its own', async () => {
      const { vendors } = await berth.client.listVendors({})
      const regions = vendors.flatMap(({ regions }) => regions.map(({ name }) => name))
      expect(regions).toEqual(['default', 'docker'])
      expect((await berth.client.systemStatus()).runtimes.map(({ name }) => name)).toEqual([
        'process',
        'docker',
      ])
    })

    test('memory that one runtime granted is not granted by the other', async () => {
      const free = async (region: string) => {
        const { vendors } = await berth.client.listVendors({})
        const { computes } = vendors[0]!.regions.find(({ name }) => name === region)!
        return computes.find(({ instanceSize }) => instanceSize === 'x1')!.freeReplicas!
      }
      const [processes, containers] = [await free('default'), await free('docker')]
      await berth.deploy(on('process', endpointOf('here', { echo: {} })))
      expect([await free('default'), await free('docker')]).toEqual([processes - 1, containers - 1])
      await berth.deploy(on('docker', endpointOf('there', { echo: {} })))
      expect([await free('default'), await free('docker')]).toEqual([processes - 2, containers - 2])
    })

    test('an engine that needs a container is refused on the hardware of processes, with the way out', async () => {
      const body = on('process', endpointOf('box', { custom: { url: 'localhost/berth/echo:0.1.0' } }))
      const asked = berth.client.createEndpoint({ params: { namespace: berth.namespace }, body })
      await expect(asked).rejects.toThrow(
        /runs on the runtime "docker", and this hardware belongs to "process"/,
      )
    })

    describe.for(Object.keys(REGIONS) as Runtime[])('%s', (runtime) => {
      test('a model is deployed, streams a chat, writes its log, and is updated without a lost request', async () => {
        const first = await berth.deploy(on(runtime, endpointOf('chat', CHAT)))
        expect(first.engine).toBe('llamacpp')
        await expectRunsOn(runtime, 'chat')
        const stream = await openai().chat.completions.create({
          model: `${berth.namespace}/chat`,
          messages: [{ role: 'user', content: 'What is an endpoint?' }],
          max_tokens: 16,
          stream: true,
        })
        let pieces = 0
        for await (const { choices } of stream) if (choices[0]?.delta.content) pieces += 1
        expect(pieces).toBeGreaterThan(1)

        const log = async () =>
          (await Array.fromAsync(await berth.client.readLogs({ ...place('chat'), query: {} }))).join('')
        await until('its engine’s own words in the log', async () => /llama|server/i.test(await log()))

        const old = await replicas('chat')
        const asked: Promise<string>[] = []
        await berth.client.updateEndpoint({
          ...place('chat'),
          body: { model: { env: { GREETING: 'changed' } } },
        })
        await until(
          'the new revision alone to serve',
          async () => {
            asked.push(chat('chat', 'Who are you?'))
            await asked.at(-1)
            const now = await replicas('chat')
            return now.length === 1 && now[0] !== old[0]
          },
          60_000,
        )
        await Promise.all(asked)
        await berth.reach('chat', 'running')
        await expectRunsOn(runtime, 'chat')
      })

      test('texts become vectors, and are put in order', async () => {
        const repository = await model(`embedder-${runtime}`)
        await berth.deploy(on(runtime, endpointOf('embedder', TEXTS, { repository })))
        const { data } = await openai().embeddings.create({
          model: `${berth.namespace}/embedder`,
          input: ['the cat', 'a dog'],
          encoding_format: 'float',
        })
        expect(data.map(({ embedding }) => embedding.length)).toEqual([32, 32])

        const ranking = await model(`ranker-${runtime}`, { kind: 'classes', labels: ['LABEL_0'] })
        await berth.deploy(on(runtime, endpointOf('ranker', TEXTS, { repository: ranking })))
        const response = await fetch(`${berth.url}/e/${berth.namespace}/ranker/rerank`, {
          method: 'POST',
          headers: { authorization: `Bearer ${berth.token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ query: 'where is paris', texts: ['paris is in france', 'the cat'] }),
        })
        expect(response.status, await response.clone().text()).toBe(200)
        const ranked = (await response.json()) as { score: number }[]
        const scores = ranked.map(({ score }) => score)
        expect(scores).toEqual(scores.toSorted((a, b) => b - a))
      })

      test('adapters answer by their names, and without one the model answers as if there were none', async () => {
        const directory = (name: string) => path.join(berth.home, 'models', `${name}-${runtime}`)
        await Promise.all(['tuned', 'one', 'two'].map((name) => mkdir(directory(name), { recursive: true })))
        const shape = PRESETS.tiny
        writeRandomModel(path.join(directory('tuned'), 'tuned.gguf'), shape, 'tuned', 1)
        for (const [at, name] of ['one', 'two'].entries()) {
          writeRandomAdapter(path.join(directory(name), `${name}.gguf`), shape, 8, 1_000 * (at + 1))
        }
        const repository = `file:${directory('tuned')}`
        const deploy = async (adapters: readonly string[]) => {
          const wish = on(runtime, endpointOf('tuned', CHAT, { repository }))
          const named = adapters.map((name) => [name, { repository: `file:${directory(name)}` }])
          await berth.deploy({ ...wish, model: { ...wish.model, adapters: Object.fromEntries(named) } })
        }
        const ask = async (model: string) => {
          const { choices } = await openai().chat.completions.create({
            ...{ model: `${berth.namespace}/${model}`, temperature: 0, max_tokens: 12 },
            messages: [{ role: 'user', content: 'Say something of your own.' }],
          })
          return choices[0]?.message.content
        }

        await deploy([])
        const alone = await ask('tuned')
        await berth.deleteEndpoints()
        await deploy(['two', 'one'])
        await expectRunsOn(runtime, 'tuned')
        const [plain, one, two] = [await ask('tuned'), await ask('tuned:one'), await ask('tuned:two')]
        expect(plain).toBe(alone)
        expect(new Set([plain, one, two]).size).toBe(3)
        expect([await ask('tuned:one'), await ask('tuned')]).toEqual([one, plain])
      })

      test('the count follows what is asked, up and down, and wakes from zero', async () => {
        const scaling = (minReplica: number, maxReplica: number) => ({
          ...place('many'),
          body: { compute: { scaling: { minReplica, maxReplica } } },
        })
        const count = (wanted: number) =>
          until(`${wanted} replicas`, async () => (await replicas('many')).length === wanted)
        await berth.deploy(on(runtime, endpointOf('many', { echo: {} })))
        await berth.client.updateEndpoint(scaling(2, 2))
        await count(2)
        await berth.reach('many', 'running')
        await berth.client.updateEndpoint(scaling(0, 1))
        await count(1)
        await berth.client.scaleEndpointToZero(place('many'))
        await count(0)
        expect(await chat('many', 'wake up')).toBe('wake up')
      })

      test('a replica that takes too much memory is killed for it, said so, and replaced', async () => {
        // A name of its own, since events are found by it.
        const name = `greedy-${runtime}`
        await berth.deploy(on(runtime, endpointOf(name, { echo: { exhaustAfterRequests: 1 } })))
        const [first] = await replicas(name)
        expect(await chat(name, 'one')).toBe('one')
        const failed = await until(
          'its end',
          async () => {
            const { items } = await berth.client.listEvents({ ...place(name), query: {} })
            return items.find(({ kind }) => kind === 'replica.failed')
          },
          60_000,
        )
        expect(failed.message).toContain('used more than its 2 GiB of memory')
        expect(await chat(name, 'two')).toBe('two')
        expect(await replicas(name)).not.toContain(first)
      })

      test('a replica that never comes up ends in failed, with how it ended', {
        timeout: 240_000,
      }, async () => {
        const body = on(runtime, endpointOf('broken', { echo: { crashOnStart: 3 } }))
        await berth.client.createEndpoint({ params: { namespace: berth.namespace }, body })
        const isFailed = async () => (await berth.endpoint('broken')).status.state === 'failed'
        await until('the last start to be over', isFailed, 200_000)
        expect((await berth.endpoint('broken')).status.errorMessage).toContain('exited with code 3')
      })

      test('a control process that is killed in the middle of an update is taken over from', async () => {
        await berth.deploy(on(runtime, endpointOf('kept', { echo: {} })))
        const old = await replicas('kept')
        await berth.client.updateEndpoint({
          ...place('kept'),
          body: { model: { image: { echo: { startMs: 1_500 } } } },
        })
        await until('the new replica beside the old one', async () => (await replicas('kept')).length === 2)
        await berth.kill('control')
        expect(await chat('kept', 'who serves now?')).toBe('who serves now?')
        await berth.startControl()
        await until('the new revision alone to serve', async () => {
          const now = await replicas('kept')
          return now.length === 1 && now[0] !== old[0]
        })
        await berth.reach('kept', 'running')
        expect(await chat('kept', 'and now?')).toBe('and now?')
        await expectRunsOn(runtime, 'kept')
      })
    })
  },
)

/** Everything that a replica could leave behind on this machine, but its own files. */
async function leftovers(docker: Docker) {
  const [containers, networks, { Volumes }, cgroups, links] = await Promise.all([
    docker.listContainers({ all: true }),
    docker.listNetworks(),
    docker.listVolumes(),
    readdir('/sys/fs/cgroup', { recursive: true }).catch(() => []),
    promisify(execFile)('ip', ['-brief', 'link']).then(({ stdout }) => stdout),
  ])
  return {
    containers: containers.map(({ Names }) => Names[0]),
    networks: networks.map(({ Name }) => Name).toSorted(),
    volumes: Volumes.map(({ Name }) => Name),
    cgroups: cgroups.filter((name) => /\/berth-[0-9a-f]{8}-/.test(`/${name}`)).toSorted(),
    bridges: links.split('\n').filter((line) => line.startsWith('br-')).length,
  }
}
