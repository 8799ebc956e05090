/**
 * The whole product on a real Docker daemon: a container serves, outlives a killed control process, sleeps and wakes.
 * Run with `.ci/with-docker.sh npm run test:e2e -- e2e/docker.test.ts`.
 */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Berth, endpointOf } from './berth-process.ts'
import { until } from './until.ts'

const SOCKET = process.env['BERTH_TEST_DOCKER_SOCKET']
const IMAGE = process.env['BERTH_TEST_DOCKER_IMAGE'] ?? ''

/** Says what it was asked, what it finds at /repository and who it is. */
const SERVER = `
  const fs = require('fs')
  process.on('SIGTERM', () => process.exit())
  require('http')
    .createServer((request, response) => {
      const secret = process.env.SECRET
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ url: request.url, files: fs.readdirSync('/repository'), secret, host: require('os').hostname() }))
    })
    .listen(8123, '0.0.0.0')`

const ROUTER_IMAGE = `berth-test:router-${process.pid}`

/** An image whose own command is the router. */
async function makeRouterImage(docker: Docker): Promise<void> {
  const source = await readFile(path.join(import.meta.dirname, 'round-robin-router.mjs'), 'utf8')
  const container = await docker.createContainer({ Image: IMAGE, Cmd: ['true'] })
  const command = ['node', '--input-type=module', '-e', source.replace(/^#!.*/, '')]
  const [repo, tag] = ROUTER_IMAGE.split(':')
  await container.commit({ repo, tag, changes: `ENTRYPOINT ${JSON.stringify(command)}` })
  await container.remove()
}

describe.skipIf(!SOCKET)('in containers (needs .ci/with-docker.sh)', () => {
  let berth: Berth
  beforeAll(async () => {
    berth = await Berth.start({ BERTH_RUNTIME: 'docker', DOCKER_HOST: `unix://${SOCKET}` })
  })
  afterAll(async () => {
    await berth?.deleteEndpoints()
    await berth?.stop()
  })

  const place = () => ({ params: { namespace: berth.namespace, name: 'box' } })
  const ask = async (path: string) => {
    const headers = { authorization: `Bearer ${berth.token}` }
    const answer = await fetch(`${berth.url}/e/${berth.namespace}/box${path}`, { headers })
    expect(answer.status).toBe(200)
    return (await answer.json()) as { url: string; files: string[]; secret: string; host: string }
  }

  test('a custom image is deployed, adopted after a kill -9, put to sleep and woken', async () => {
    const wish = endpointOf(
      'box',
      { custom: { url: IMAGE, port: 8123, healthRoute: '/health' } },
      { scaling: { minReplica: 0 } },
    )
    await berth.deploy({
      ...wish,
      model: { ...wish.model, command: ['node', '-e', SERVER], secrets: { SECRET: 'xyz' } },
    })
    const first = await ask('/hello')
    expect(first).toMatchObject({ url: '/hello', secret: 'xyz' })
    expect(first.files).toContain('guide.gguf')

    await berth.kill('control')
    expect((await ask('/while-control-is-down')).host).toBe(first.host)
    await berth.startControl()
    await berth.reach('box', 'running')
    expect((await ask('/adopted')).host).toBe(first.host)

    await berth.client.scaleEndpointToZero(place())
    await until(
      'its container to be gone',
      async () => (await berth.client.listReplicas(place())).items.length === 0,
    )
    expect((await ask('/woken')).host).not.toBe(first.host)
  })

  test('a router is a container of its image, reaches the replicas through the gateway, and is replaced when it dies', async () => {
    const docker = new Docker({ socketPath: SOCKET ?? '' })
    await makeRouterImage(docker)
    try {
      const wish = endpointOf('box-routed', { custom: { url: IMAGE, port: 8123, healthRoute: '/health' } })
      await berth.deploy({
        ...wish,
        model: { ...wish.model, command: ['node', '-e', SERVER] },
        customRouter: { tag: ROUTER_IMAGE },
      })
      const isRouted = async () => {
        const headers = { authorization: `Bearer ${berth.token}` }
        const answer = await fetch(`${berth.url}/e/${berth.namespace}/box-routed/hello`, { headers })
        expect([answer.status, (await answer.json()).url]).toEqual([200, '/hello'])
        return answer.headers.get('x-round-robin') === '1'
      }
      await until('requests to go through the router', isRouted)

      const { id } = (await berth.endpoint('box-routed')).status.router ?? {}
      await docker.getContainer(id ?? '').kill()
      await until('another router', async () => {
        const routed = await isRouted()
        return routed && (await berth.endpoint('box-routed')).status.router?.id !== id
      })
      await berth.client.deleteEndpoint({ params: { namespace: berth.namespace, name: 'box-routed' } })
      await until('its containers to be gone', async () => {
        const filters = { label: [`berth.endpoint=${berth.namespace}/box-routed`] }
        return (await docker.listContainers({ all: true, filters })).length === 0
      })
    } finally {
      await docker.getImage(ROUTER_IMAGE).remove({ force: true })
    }
  })

  test('an image that cannot be had ends in failed with the registry’s words', async () => {
    const wish = endpointOf('nowhere', { custom: { url: 'localhost:1/no/such:image', port: 80 } })
    await berth.client.createEndpoint({ params: { namespace: berth.namespace }, body: wish })
    const { status } = await berth.reach('nowhere', 'failed')
    expect(status.errorMessage).toContain('localhost:1/no/such:image')
  })
})
