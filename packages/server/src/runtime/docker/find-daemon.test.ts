import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { findDaemon } from './find-daemon.ts'

test.for([
  ['unix:///run/user/1000/docker.sock', { socketPath: '/run/user/1000/docker.sock' }],
  ['tcp://192.0.2.7', { host: '192.0.2.7', port: 2375 }],
  ['tcp://docker.example:4243', { host: 'docker.example', port: 4243 }],
] as const)('DOCKER_HOST %s leads there', async ([DOCKER_HOST, expected]) => {
  expect(await findDaemon({ DOCKER_HOST })).toEqual(expected)
})

test.for(['ssh://docker.example', 'docker.example', 'tcp://'])(
  'DOCKER_HOST %s is refused by name',
  async (DOCKER_HOST) => {
    const refusal = findDaemon({ DOCKER_HOST })
    await expect(refusal).rejects.toMatchObject({ code: 'invalid' })
    await expect(refusal).rejects.toThrow(`"${DOCKER_HOST}"`)
  },
)

test('certificates are read where the docker command reads them', async () => {
  const directory = await temporaryDirectory()
  const env = { DOCKER_HOST: 'tcp://docker.example', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: directory }
  await expect(findDaemon(env)).rejects.toThrow(directory)
  for (const name of ['ca', 'cert', 'key'])
    await writeFile(path.join(directory, `${name}.pem`), `the ${name}`)
  const expected = {
    host: 'docker.example',
    port: 2376,
    tls: { ca: 'the ca', cert: 'the cert', key: 'the key' },
  }
  expect(await findDaemon(env)).toEqual(expected)
})

test("a user's own socket comes first, and a file that is no socket is none", async () => {
  const directory = await temporaryDirectory()
  const podman = path.join(directory, 'podman', 'podman.sock')
  await mkdir(path.dirname(podman))
  await writeFile(path.join(directory, 'docker.sock'), '')
  const server = createServer().listen(podman)
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  expect(await findDaemon({ XDG_RUNTIME_DIR: directory })).toEqual({ socketPath: podman })
})

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'berth-find-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}
