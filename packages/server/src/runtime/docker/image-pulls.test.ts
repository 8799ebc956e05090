import { setImmediate as nextTurn } from 'node:timers/promises'
import Docker from 'dockerode'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { ReplicaId } from '../../domain/replica.ts'
import { LABEL } from './container-labels.ts'
import { DockerWorld, planOf, testDaemon } from './docker-world.ts'
import { digestOf, registryOf, withTag } from './image-pulls.ts'
import { startRegistry } from './test-registry.ts'

const A = 'replica-a' as ReplicaId
const PATIENCE = { timeout: 15_000, interval: 20 }

test.for([
  ['engine', 'engine:latest'],
  ['acme/engine:1.0', 'acme/engine:1.0'],
  ['localhost:5000/engine', 'localhost:5000/engine:latest'],
  ['registry.example/engine@sha256:0123', 'registry.example/engine@sha256:0123'],
] as const)('the image %s is %s', ([reference, expected]) => {
  expect(withTag(reference)).toBe(expected)
})

test.for([
  ['engine:1.0', 'https://index.docker.io/v1/'],
  ['acme/engine', 'https://index.docker.io/v1/'],
  ['localhost/engine', 'localhost'],
  ['127.0.0.1:5000/acme/engine:1.0', '127.0.0.1:5000'],
  ['registry.example/engine', 'registry.example'],
] as const)('the image %s lies at %s', ([reference, expected]) => {
  expect(registryOf(reference)).toBe(expected)
})

test.for([
  ['engine:1.0', ['engine@sha256:01'], 'engine@sha256:01'],
  ['docker.io/library/engine', ['engine@sha256:01'], 'engine@sha256:01'],
  [
    'host:5000/acme/engine:1.0',
    ['acme/engine@sha256:01', 'host:5000/acme/engine@sha256:02'],
    'host:5000/acme/engine@sha256:02',
  ],
  ['acme/engine@sha256:02', ['acme/engine@sha256:01', 'acme/engine@sha256:02'], 'acme/engine@sha256:02'],
  ['mirror/engine:1.0', ['acme/engine@sha256:01'], undefined],
  ['acme/engine:1.0', [], undefined],
] as const)('the image %s, which came by the digests %j, is %j', ([name, digests, expected]) => {
  expect(digestOf(name, digests)).toBe(expected)
})

describe.skipIf(testDaemon.socketPath === undefined)(
  'pulls by a real daemon (see docker-driver.test.ts)',
  () => {
    test('a start that needs a pull says how far it is, one pull serves all, and its end is told', async () => {
      const { driver, spec, registry } = await setUp()
      const heard = new Set<string>()
      driver.onChange((id) => heard.add(id))
      const started = await Promise.allSettled([driver.start(spec(A)), driver.start(spec('replica-b'))])
      for (const result of started) {
        expect(result).toMatchObject({
          status: 'rejected',
          reason: {
            code: 'unavailable',
            reason: 'image_pulling',
            message: expect.stringMatching(
              /Pulling the image ".*acme\/engine:1\.0": \d+ MB of \d+ MB, 0 of 1 layers/,
            ),
          },
        })
      }
      expect(await driver.list()).toEqual([])

      heard.clear()
      registry.release()
      await vi.waitFor(() => expect([...heard].toSorted()).toEqual([A, 'replica-b']), PATIENCE)
      await driver.start(spec(A))
      await driver.start(spec('replica-b'))
      expect(await driver.list()).toHaveLength(2)
      expect(registry.tagRequests).toBe(1)
    })

    test('a replica says which digest its tag was, and runs just that', async () => {
      const { world, driver, spec, registry } = await setUp()
      registry.release()
      await driver.start(spec(A))
      const { Config, Image } = await world.inspect(A)
      expect(Config.Labels).toMatchObject({
        [LABEL.image]: `${registry.host}/acme/engine:1.0`,
        [LABEL.digest]: `${registry.host}/acme/engine@${registry.digest}`,
      })
      expect(Config.Image).toBe(Image)
    })

    test('a replica runs the content that is asked for, whatever its tag means by now', async () => {
      const { world, driver, spec, registry } = await setUp()
      registry.release()
      await driver.start(spec(A))
      const [first] = await driver.list()
      const { Image } = await world.inspect(A)
      await world.docker.getContainer(A).commit({ repo: `${registry.host}/acme/engine`, tag: '1.0' })

      const imageDigest = first!.imageDigest!
      await driver.start({ ...spec('replica-b'), imageDigest })
      expect(await world.inspect('replica-b')).toMatchObject({ Image })
      await driver.prepare({ ...spec('replica-c'), imageDigest })
      expect(await world.inspect('replica-c')).toMatchObject({ Image })

      // It is fetched again by what was recorded, not by what the tag means.
      for (const id of [A, 'replica-b', 'replica-c'] as ReplicaId[]) await driver.stop(id, { graceMs: 0 })
      await world.docker.getImage(imageDigest).remove({ force: true })
      await driver.start({ ...spec('replica-d'), imageDigest })
      expect(await world.inspect('replica-d')).toMatchObject({ Image })
    })

    test('an image from no registry is known by its id, and one that is gone is not looked for elsewhere', async () => {
      const { world, driver } = await setUp()
      const spec = (id: string) => world.spec(id, 'setInterval(() => {}, 1000)')
      await driver.start(spec(A))
      const [{ imageDigest } = {}] = await driver.list()
      expect(imageDigest).toBe((await world.inspect(A)).Image)
      await driver.start({ ...spec('replica-b'), imageDigest: imageDigest! })
      const gone = `sha256:${'0'.repeat(64)}`
      const refused = driver.start({ ...spec('replica-c'), imageDigest: gone })
      await expect(refused).rejects.toMatchObject({ code: 'invalid', reason: 'image_refused' })
      await expect(refused).rejects.toThrow(`(${gone}) is not on this machine any more`)
    })

    test('an image named by its digest is pulled by it', async () => {
      const { driver, spec, registry } = await setUp()
      registry.release()
      await driver.start(spec(A, `${registry.host}/acme/engine@${registry.digest}`))
      expect(await driver.list()).toMatchObject([{ id: A, state: 'running' }])
    })

    test('a private image comes with its credentials, and is refused without', async () => {
      const login = { username: 'robot', password: 'correct horse' }
      const { driver, spec, registry } = await setUp({ login: `${login.username}:${login.password}` })
      registry.release()
      const refusal = driver.start(spec(A))
      await expect(refusal).rejects.toMatchObject({ code: 'invalid', reason: 'image_refused' })
      await expect(refusal).rejects.toThrow('Check its name, and the credentials')
      await driver.start({ ...spec(A), registry: login })
      expect(await driver.list()).toMatchObject([{ id: A, state: 'running' }])
    })

    test('an image that is not there is refused for good, a registry that is not there for now', async () => {
      const { driver, spec, registry } = await setUp()
      const reference = `${registry.host}/acme/engine:2.0`
      await expect(driver.start(spec(A, reference))).rejects.toMatchObject({
        code: 'invalid',
        reason: 'image_refused',
        message: expect.stringContaining(reference),
      })
      await registry.close()
      await expect(driver.start(spec(A))).rejects.toMatchObject({
        code: 'unavailable',
        reason: 'image_pull_failed',
      })
    })

    test('closing the driver gives up what it pulls', async () => {
      const { driver, spec, registry } = await setUp()
      await expect(driver.start(spec(A))).rejects.toMatchObject({ reason: 'image_pulling' })
      driver.close()
      await nextTurn()
      await expect(driver.start(spec(A))).rejects.toMatchObject({ reason: 'image_pull_failed' })
      expect(registry.tagRequests).toBe(1)
    })
  },
)

type Setting = { readonly login?: string }

/** A registry with an image that holds busybox alone, and a driver. */
async function setUp({ login }: Setting = {}) {
  const world = await DockerWorld.create()
  const registry = await startRegistry({ layer: await busybox(), ...(login ? { login } : {}) })
  onTestFinished(async () => {
    await world.tearDown()
    await registry.close()
    await removeImages(`${registry.host}/acme/engine`)
  })
  const spec = (id: string, image = `${registry.host}/acme/engine:1.0`) =>
    world.spec(id, '', { plan: { ...planOf('/busybox', 'sleep', '1000'), image } })
  return { world, registry, driver: await world.connect(), spec }
}

/** Out of the image that tests have, as a tar. */
async function busybox(): Promise<Buffer> {
  const docker = new Docker({ socketPath: testDaemon.socketPath })
  const container = await docker.createContainer({ Image: testDaemon.image, Cmd: ['node'] })
  try {
    const archive = await container.getArchive({ path: '/bin/busybox' })
    return Buffer.concat(await Array.fromAsync(archive as AsyncIterable<Buffer>))
  } finally {
    await container.remove()
  }
}

async function removeImages(repository: string): Promise<void> {
  const docker = new Docker({ socketPath: testDaemon.socketPath })
  const images = await docker.listImages({ filters: { reference: [`${repository}*`] } })
  for (const { Id } of images) await docker.getImage(Id).remove({ force: true })
}
