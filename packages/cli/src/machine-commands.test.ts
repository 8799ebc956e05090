/** The commands about this machine, which need no server: doctor and down. */
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { examineNode } from './examine-machine.ts'
import { runBerth } from './testing/run-berth.ts'

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'berth-cli-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

type Report = { ok: boolean; findings: { about: string; level: string; message: string; remedy?: string }[] }

test('doctor looks at everything and leaves nothing behind', async () => {
  const directory = await temporaryDirectory()
  const home = path.join(directory, 'home')
  const temporary = await temporaryDirectory()
  const ran = await runBerth(['doctor', '--port', '0', '--json'], { home, env: { TMPDIR: temporary } })
  const { ok, findings } = JSON.parse(ran.stdout) as Report
  expect(ran.code).toBe(ok ? 0 : 1)
  expect(ok).toBe(findings.every(({ level }) => level !== 'missing'))
  expect(new Set(findings.map(({ about }) => about))).toEqual(
    new Set([
      ...['node', 'home', 'disk', 'port', 'machine', 'instances', 'gpu', 'llama.cpp', 'toolkit', 'docker'],
      ...findings.filter(({ about }) => about === 'limits').map(({ about }) => about),
    ]),
  )
  expect(await readdir(directory)).toEqual([])
  expect(await readdir(temporary)).toEqual([])
})

test('doctor ends with 1 when the port is taken by a stranger, and says what to do', async () => {
  const stranger = createServer((socket) => socket.end('HTTP/1.1 404 Not Found\r\n\r\n'))
  stranger.listen(0, '127.0.0.1')
  await once(stranger, 'listening')
  onTestFinished(() => void stranger.close())
  const { port } = stranger.address() as AddressInfo
  const ran = await runBerth(['doctor', '--port', String(port)], { home: await temporaryDirectory() })
  expect(ran.code).toBe(1)
  expect(ran.stdout).toMatch(new RegExp(`✘ port +127.0.0.1:${port} is taken by another program`))
  expect(ran.stdout).toContain('--port or BERTH_PORT')
})

test('doctor names a data directory that cannot be one', async () => {
  const file = path.join(await temporaryDirectory(), 'file')
  await writeFile(file, '')
  const ran = await runBerth(['doctor', '--port', '0', '--json'], { home: path.join(file, 'home') })
  const finding = (JSON.parse(ran.stdout) as Report).findings.find(({ about }) => about === 'home')
  expect(finding).toMatchObject({ level: 'missing', remedy: expect.stringContaining('BERTH_HOME') })
})

test('doctor names a llama-server that was asked for and does not run', async () => {
  const home = await temporaryDirectory()
  const ran = await runBerth(['doctor', '--port', '0'], {
    home,
    env: { BERTH_LLAMA_SERVER: '/no/such/server' },
  })
  expect(ran.code).toBe(1)
  expect(ran.stdout).toMatch(/✘ llama.cpp +BERTH_LLAMA_SERVER is "\/no\/such\/server"/)
})

test('doctor names a vLLM that was asked for and cannot be run, and says nothing of one that was not', async () => {
  const home = await temporaryDirectory()
  const ran = await runBerth(['doctor', '--port', '0'], { home, env: { BERTH_VLLM: '/no/such/vllm' } })
  expect(ran.code).toBe(1)
  expect(ran.stdout).toMatch(/✘ vllm +BERTH_VLLM is "\/no\/such\/vllm"/)
  expect((await runBerth(['doctor', '--port', '0'], { home })).stdout).not.toContain('vllm')
})

test.each([
  ['20.19.0', 'missing'],
  ['24.0.0', 'fine'],
  ['26.10.0', 'fine'],
])('Node %s is %s', (version, level) => {
  expect(examineNode(version).level).toBe(level)
})

test('down where nothing runs says so and succeeds', async () => {
  const home = await temporaryDirectory()
  const ran = await runBerth(['down'], { home })
  expect(ran).toMatchObject({ code: 0, stdout: `Nothing of ${home} runs.\n`, stderr: '' })
  const asJson = await runBerth(['down', '--json'], { home })
  expect(JSON.parse(asJson.stdout)).toEqual({ home, control: false, gateway: false, replicas: 0 })
})
