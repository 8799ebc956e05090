/** The first minutes with Berth: what `berth serve` prints works when it is pasted, on a machine that has nothing yet. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { BERTH, Berth, REPOSITORY_ROOT } from './berth-process.ts'
import { processesOf } from './processes.ts'
import { until } from './until.ts'

let berth: Berth
let lines: readonly string[]
beforeAll(async () => {
  berth = await Berth.start()
  lines = await until('the three lines', () => {
    const [, after] = berth.output.split('Try next:\n')
    const found = after?.split('\n').filter((line) => line.startsWith('  ')) ?? []
    return found.length >= 3 && found.map((line) => line.trim())
  })
})
afterAll(async () => {
  await berth?.stop()
})

const pasted = async (line: string) =>
  (
    await promisify(execFile)('sh', ['-c', line], {
      cwd: REPOSITORY_ROOT,
      env: { PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env['PATH']}` },
    })
  ).stdout

test('there are three lines to try, and the token is shown once', async () => {
  expect(lines).toHaveLength(3)
  expect(berth.output.split(berth.token)).toHaveLength(2)
})

test('the first asks the sample endpoint with curl, and wakes it', async () => {
  expect((await berth.endpoint('guide')).status.readyReplica).toBe(0)
  const answer = JSON.parse(await pasted(lines[0]!))
  expect(answer.choices[0].message.content).toMatch(/^An endpoint is .*(URL|model)/)
})

test('the second asks it with the openai package', async () => {
  expect((await pasted(lines[1]!)).trim()).toMatch(/\w+ \w+/)
})

test('the third is the console', async () => {
  const response = await fetch(lines[2]!.split(' ')[0]!)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toContain('text/html')
})

test('what is secret is readable for its owner only', async () => {
  for (const file of ['token', 'key']) {
    expect((await stat(path.join(berth.home, file))).mode & 0o777).toBe(0o600)
  }
  expect(await readFile(path.join(berth.home, 'logs', 'gateway.log'), 'utf8')).not.toContain(berth.token)
})

test('the command line finds the installation by itself', async () => {
  const listed = JSON.parse((await berth.cli('list', '--json')).stdout)
  expect(JSON.stringify(listed)).toContain('guide')
  const { stdout } = await berth.cli('call', 'guide', 'What is an endpoint?')
  expect(stdout).toMatch(/endpoint/i)
})

test('told to stop while its gateway starts, it leaves nothing', async () => {
  const home = await mkdtemp(path.join(tmpdir(), 'berth-e2e-'))
  onTestFinished(() => rm(home, { recursive: true, force: true, maxRetries: 5 }))
  const child = spawn(process.execPath, [BERTH, 'serve', '--port', '0', '--home', home], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (data: Buffer) => {
    said += data
  })
  await until('a gateway', async () => (await processesOf(home)).some(({ role }) => role === 'gateway'))
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([0, null])
  expect(said).toContain('Stopped before it was ready.')
  expect(await processesOf(home)).toEqual([])
})
