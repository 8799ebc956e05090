/** Weights from the Hub: pinned when accepted, their way here told in the status, a failure told by its name. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type HubServer, startHubServer } from '../src/testing/hub-server.ts'
import { World } from './world.ts'

const WEIGHTS = Buffer.alloc(400_000, 'w')

let hub: HubServer
let world: World
beforeEach(async () => {
  hub = await startHubServer()
  hub.add('org/model', {
    files: { 'm-Q4_K_M.gguf': WEIGHTS, 'm-Q8_0.gguf': 'other', 'README.md': '# model' },
  })
  world = await World.start({ hubUrl: hub.url })
})
afterEach(async () => {
  await world.end()
  await hub.close()
})

const fromHub = { repository: 'org/model', image: { llamacpp: {} } }

test('a branch is pinned to its commit when the endpoint is accepted', async () => {
  await world.create(fromHub)
  expect((await world.see()).model.revision).toBe(hub.commitOf('org/model'))
})

test('only the files that the engine needs are downloaded', async () => {
  await world.create(fromHub)
  await world.untilState('running')
  const fetched = hub.seen.filter((request) => request.isStorage && request.method === 'GET')
  expect(fetched.every((request) => request.url.includes('Q4_K_M'))).toBe(true)
})

test('a download tells its bytes, rate and remaining time in the status', async () => {
  hub.bytesPerSecond = 400_000
  await world.create(fromHub)
  await world.until('half way', async () => ((await world.see()).status.progress?.bytesDone ?? 0) > 0)
  const { state, message, progress } = (await world.see()).status
  expect(state).toBe('initializing')
  expect(message).toMatch(/^Downloading weights: 0\.\d MB of 0\.4 MB \(\d+ %\)/)
  expect(progress).toMatchObject({ phase: 'downloading', bytesTotal: WEIGHTS.length })
  hub.bytesPerSecond = undefined
  await world.untilState('running')
})

test('what does not exist or may not be read is refused at once, each by its reason', async () => {
  hub.add('org/gated', { files: { 'm.gguf': 'x' }, gated: true })
  await expect(world.create({ ...fromHub, repository: 'org/none' })).rejects.toMatchObject({
    reason: 'repository_not_found',
  })
  await expect(world.create({ ...fromHub, repository: 'org/gated' })).rejects.toMatchObject({
    reason: 'hub_gated',
  })
  await expect(world.create({ ...fromHub, repository: 'file:/etc' })).rejects.toMatchObject({
    reason: 'path_outside_roots',
  })
})

test('a download that cannot be mended ends in failed with its cause', async () => {
  for (let i = 0; i < 40; i++) hub.faults.push({ kind: 'wrongContent' })
  await world.create(fromHub)
  await world.untilState('failed')
  expect((await world.see()).status.errorMessage).toContain('m-Q4_K_M.gguf')
})
