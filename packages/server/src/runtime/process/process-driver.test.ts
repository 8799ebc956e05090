import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { ReplicaId } from '../../domain/replica.ts'
import { systemClock } from '../../platform/clock.ts'
import { type Behaviour, describeRuntimeDriver } from '../conformance.ts'
import { findCgroups } from './cgroup.ts'
import { firstLine, lives, ProcessWorld, planOf, programSpec } from './process-world.ts'

const A = 'replica-a' as ReplicaId
const PATIENCE = { timeout: 10_000, interval: 10 }
const RUN = 'setInterval(() => {}, 1e6)'
const limits = await findCgroups('berth-test-', process.platform, systemClock)

describeRuntimeDriver('the process driver', async () => {
  const world = await ProcessWorld.create()
  return {
    connect: () => world.connect(),
    plan: (behaviour) => planOf(process.execPath, ...argumentsFor(behaviour)),
    missing: planOf('no-such-program-anywhere'),
    ownVariables: ['PATH', 'HOME', 'TMPDIR', 'LANG'],
    settle: async (driver, { id }, { kind }) => {
      // Asked too early, it would end before it could refuse to.
      if (kind === 'ignore-term') await firstLine(driver, id)
    },
    tearDown: () => world.tearDown(),
  }
})

function argumentsFor(behaviour: Behaviour): readonly string[] {
  const write = (expression: string) => ['-e', `process.stdout.write(${expression} + "\\n"); ${RUN}`]
  switch (behaviour.kind) {
    case 'run':
      return ['-e', RUN]
    case 'ignore-term':
      return ['-e', `process.on("SIGTERM", () => {}); console.log("deaf"); ${RUN}`]
    case 'exit':
      return ['-e', `process.exit(${behaviour.code})`]
    case 'write': {
      const text = (lines: readonly string[]) => JSON.stringify(lines.map((line) => `${line}\n`).join(''))
      const { stdout, stderr } = behaviour
      return ['-e', `process.stdout.write(${text(stdout)}); process.stderr.write(${text(stderr)}); ${RUN}`]
    }
    case 'show-environment':
      return write('JSON.stringify(process.env)')
    case 'show-arguments':
      return [...write('JSON.stringify(process.argv.slice(1))'), '--', ...behaviour.args]
    default:
      return behaviour satisfies never
  }
}

test('engines outlive a control process that is killed, and the next one takes them over', async () => {
  const world = await worldForTest()
  const control = startControl(world, [
    programSpec('replica-a', 'console.log(process.pid); setInterval(() => console.log("still here"), 20)'),
    programSpec('replica-b', `console.log(process.pid); ${RUN}`),
  ])
  await once(control.stdout!, 'data')
  control.kill('SIGKILL')
  await once(control, 'exit')

  const next = await world.connect()
  const pid = Number(await firstLine(next, A))
  expect(await next.list()).toMatchObject([
    { id: 'replica-a', state: 'running' },
    { id: 'replica-b', state: 'running' },
  ])
  expect(await lives(pid)).toBe(true)

  const heard = new Set<string>()
  next.onChange((id) => heard.add(id))
  process.kill(pid, 'SIGKILL')
  await vi.waitFor(() => expect([...heard]).toEqual(['replica-a']), PATIENCE)
  expect(await next.list()).toMatchObject([
    { id: 'replica-a', state: 'exited', exitCode: null, reason: expect.stringContaining('is unknown') },
    { id: 'replica-b', state: 'running' },
  ])
})

test('no orphan survives, at whatever moment of a start the control process is killed', async () => {
  const world = await worldForTest()
  const mark = `orphan-${path.basename(world.root)}`
  for (let round = 0; round < 8; round++) {
    const specs = Array.from({ length: 6 }, (_, i) =>
      programSpec(`replica-${round}-${i}`, RUN, { plan: planOf('/bin/sh', '-c', 'sleep 1000; true', mark) }),
    )
    const control = startControl(world, specs)
    // Killed at another step of the start each time, since directories come and go at their own pace.
    const started = () =>
      readdir(world.directory).then(
        (names) => names.length,
        () => 0,
      )
    const enough = (await started()) + 1 + (round % 3)
    await vi.waitFor(async () => expect(await started()).toBeGreaterThanOrEqual(enough), {
      timeout: 10_000,
      interval: 1,
    })
    control.kill('SIGKILL')
    await once(control, 'exit')
  }

  const next = await world.connect()
  const known = await next.list()
  expect(known.length).toBeGreaterThan(0)
  // One that was cut off is about to end by itself.
  await vi.waitFor(async () => expect(await processesMarked(mark)).toHaveLength(known.length), PATIENCE)
  for (const { id } of known) await next.stop(id, { graceMs: 0 })
  expect(await processesMarked(mark)).toEqual([])
})

test('an engine that ended between two control processes is listed as ended', async () => {
  const world = await worldForTest()
  const control = startControl(world, [programSpec('replica-a', `console.log(process.pid); ${RUN}`)])
  await once(control.stdout!, 'data')
  control.kill('SIGKILL')
  await once(control, 'exit')
  const pid = Number.parseInt(await readFile(await selfReportOf(world, 'replica-a'), 'utf8'), 10)
  process.kill(pid, 'SIGKILL')
  await vi.waitFor(async () => expect(await lives(pid)).toBe(false), PATIENCE)

  expect(await (await world.connect()).list()).toMatchObject([
    { id: 'replica-a', state: 'exited', exitCode: null, reason: 'ended while nobody watched' },
  ])
})

test('a pid that was given to a stranger is neither claimed nor killed', async () => {
  const world = await worldForTest()
  const stranger = spawn(process.execPath, ['-e', RUN], { detached: true, stdio: 'ignore' })
  onTestFinished(() => void stranger.kill('SIGKILL'))
  await once(stranger, 'spawn')
  const driver = await world.connect()
  await driver.start(programSpec('replica-a', RUN))
  const ours = await selfReportOf(world, 'replica-a')
  const pid = Number.parseInt(await readFile(ours, 'utf8'), 10)
  process.kill(pid, 'SIGKILL')
  await vi.waitFor(async () => expect(await lives(pid)).toBe(false), PATIENCE)
  await vi.waitFor(async () => expect(await driver.list()).toMatchObject([{ state: 'exited' }]), PATIENCE)
  // As if the pid had been used again while no control process ran.
  await rm(path.join(world.directory, 'replica-a', 'exit.json'))
  const report = await readFile(ours, 'utf8')
  await writeFile(ours, startedBefore(report.replace(/^\d+/, String(stranger.pid))))

  const next = await world.connect()
  expect(await next.list()).toMatchObject([{ id: 'replica-a', state: 'exited' }])
  await next.stop(A, { graceMs: 0 })
  expect(await lives(stranger.pid!)).toBe(true)
})

/** The kernel counts start times in hundredths of a second, so two processes of a test may share one by chance. */
function startedBefore(stat: string): string {
  if (!stat.includes(')')) return stat // macOS tells seconds, and in words.
  const afterName = stat.lastIndexOf(')') + 2
  const fields = stat.slice(afterName).split(' ')
  fields[19] = String(Number(fields[19]) - 1_000)
  return stat.slice(0, afterName) + fields.join(' ')
}

test('a start that was cut off before its process reported leaves nothing behind', async () => {
  const world = await worldForTest()
  const driver = await world.connect()
  await driver.start(programSpec('replica-a', RUN))
  const pid = Number.parseInt(await readFile(await selfReportOf(world, 'replica-a'), 'utf8'), 10)
  // A start that got as far as its record.
  const record = JSON.parse(await readFile(path.join(world.directory, 'replica-a', 'record.json'), 'utf8'))
  await mkdir(path.join(world.directory, 'replica-b'))
  await writeFile(
    path.join(world.directory, 'replica-b', 'record.json'),
    JSON.stringify({ ...record, id: 'replica-b', cgroup: [] }),
  )

  const next = await world.connect()
  expect(await next.list()).toMatchObject([{ id: 'replica-a', state: 'running' }])
  expect(await readdir(world.directory)).toEqual(['replica-a'])
  expect(await lives(pid)).toBe(true)
})

test.skipIf(limits.notice)(
  `what runs in a cgroup of ours and belongs to no replica is ended ${limits.notice ?? ''}`,
  async () => {
    const world = await worldForTest()
    const driver = await world.connect()
    await driver.start(programSpec('replica-a', RUN))
    const pid = Number.parseInt(await readFile(await selfReportOf(world, 'replica-a'), 'utf8'), 10)
    driver.close()
    await rm(path.join(world.directory, 'replica-a'), { recursive: true })

    expect(await (await world.connect()).list()).toEqual([])
    expect(await lives(pid)).toBe(false)
  },
)

test('a removal that was cut off is finished, and what it left running is ended', async () => {
  const world = await worldForTest({ cgroups: await noCgroups() })
  const driver = await world.connect()
  await driver.start(programSpec('replica-a', RUN))
  const pid = Number.parseInt(await readFile(await selfReportOf(world, 'replica-a'), 'utf8'), 10)
  driver.close()
  await rename(
    path.join(world.directory, 'replica-a'),
    path.join(world.directory, '.abandoned-replica-a-0123'),
  )

  const next = await world.connect()
  expect(await next.list()).toEqual([])
  expect(await readdir(world.directory)).toEqual([])
  expect(await lives(pid)).toBe(false)
})

test('a replica whose record cannot be read is ended, since nobody could ever stop it', async () => {
  const world = await worldForTest({ cgroups: await noCgroups() })
  const driver = await world.connect()
  await driver.start(programSpec('replica-a', RUN))
  const pid = Number.parseInt(await readFile(await selfReportOf(world, 'replica-a'), 'utf8'), 10)
  driver.close()
  await writeFile(path.join(world.directory, 'replica-a', 'record.json'), '{ "id": "rep')

  expect(await (await world.connect()).list()).toEqual([])
  expect(await lives(pid)).toBe(false)
})

test('what lies in the directory and is no replica is left alone', async () => {
  const world = await worldForTest()
  await mkdir(path.join(world.directory, 'Not A Replica'), { recursive: true })
  await writeFile(path.join(world.directory, 'notes'), 'mine')
  await world.connect()
  expect(await readdir(world.directory)).toEqual(['Not A Replica', 'notes'])
})

test('a worker ends with its engine when the engine is stopped', async () => {
  const world = await worldForTest()
  const driver = await world.connect()
  await driver.start(programSpec('replica-a', withWorker({ detached: false }) + RUN))
  const worker = Number(await firstLine(driver, A))
  expect(await lives(worker)).toBe(true)
  await driver.stop(A, { graceMs: 2_000 })
  expect(await lives(worker)).toBe(false)
})

test('a worker that its engine leaves behind is ended with it', async () => {
  const world = await worldForTest()
  const driver = await world.connect()
  await driver.start(
    programSpec(
      'replica-a',
      `${withWorker({ detached: false })}worker.once("message", () => process.exit(1))`,
    ),
  )
  const worker = Number(await firstLine(driver, A))
  await vi.waitFor(async () => expect(await driver.list()).toMatchObject([{ state: 'exited' }]), PATIENCE)
  expect(await lives(worker)).toBe(false)
})

test.skipIf(limits.notice)(
  `a worker that left its engine's process group ends with it all the same ${limits.notice ?? ''}`,
  async () => {
    const world = await worldForTest()
    const driver = await world.connect()
    await driver.start(programSpec('replica-a', withWorker({ detached: true }) + RUN))
    const worker = Number(await firstLine(driver, A))
    await driver.stop(A, { graceMs: 200 })
    expect(await lives(worker)).toBe(false)
  },
)

test.skipIf(limits.notice)(
  `a replica that uses more than its memory is ended, and the reason says so ${limits.notice ?? ''}`,
  async () => {
    const world = await worldForTest()
    const driver = await world.connect()
    const greedy = 'const all = []; for (;;) all.push(Buffer.alloc(2 ** 22, 1))'
    const resources = { cpus: 1, memoryBytes: 128 * 2 ** 20, gpus: 0 }
    await driver.start(programSpec('replica-a', greedy, { resources }))
    await vi.waitFor(async () => {
      expect(await driver.list()).toMatchObject([
        { state: 'exited', exitCode: null, reason: 'used more than its 0.1 GiB of memory' },
      ])
    }, PATIENCE)
    const [record] = (await readdir(world.directory)).map((name) =>
      path.join(world.directory, name, 'record.json'),
    )
    const { cgroup } = JSON.parse(await readFile(record!, 'utf8')) as { cgroup: string[] }
    await driver.stop(A, { graceMs: 0 })
    for (const directory of cgroup) await expect(stat(directory)).rejects.toThrow('ENOENT')
  },
)

test('without cgroups replicas run, are measured, and capacity says what is missing', async () => {
  const world = await worldForTest({ cgroups: await noCgroups() })
  const driver = await world.connect()
  await driver.start(programSpec('replica-a', `console.log("up"); ${RUN}`))
  await firstLine(driver, A)
  const stats = await driver.stats(A)
  expect(stats?.memoryBytes).toBeGreaterThan(2 ** 20)
  expect((await driver.capacity()).notices).toEqual([
    expect.stringContaining('limits of replicas are not enforced'),
  ])
})

test('nothing secret is written beside the process, and nobody else may read what is', async () => {
  const world = await worldForTest()
  const driver = await world.connect()
  await driver.start(programSpec('replica-a', RUN, { env: { API_KEY: 'hunter2' } }))
  const directory = path.join(world.directory, 'replica-a')
  const files = (await readdir(directory, { withFileTypes: true })).filter((entry) => entry.isFile())
  expect(files.map(({ name }) => name)).toContain('record.json')
  for (const { name } of files) {
    expect(await readFile(path.join(directory, name), 'utf8')).not.toContain('hunter2')
  }
  expect((await stat(path.join(directory, 'record.json'))).mode & 0o777).toBe(0o600)
  expect((await stat(directory)).mode & 0o777).toBe(0o700)
  expect((await stat(path.join(world.logDirectory, 'replica-a.log'))).mode & 0o777).toBe(0o600)
})

test('each replica holds GPUs of its own until it ends, and one without sees none', async () => {
  const gpu = (index: number) => ({ index, name: 'NVIDIA H200', memoryBytes: 2 ** 37 })
  const gpus = [gpu(0), gpu(1)]
  const discover = async () => ({ cpus: 2, memoryBytes: 2 ** 34, cpuModel: 'Test CPU', gpus, notices: [] })
  const world = await worldForTest({ discover })
  const driver = await world.connect()
  const show = `console.log("GPUs:" + process.env.CUDA_VISIBLE_DEVICES); ${RUN}`
  const withGpus = (id: string, count: number) =>
    programSpec(id, show, { resources: { cpus: 1, memoryBytes: 2 ** 29, gpus: count } })

  await driver.start(withGpus('replica-a', 1))
  await driver.start(withGpus('replica-b', 1))
  await driver.start(withGpus('replica-c', 0))
  expect(await firstLine(driver, A)).toBe('GPUs:0')
  expect(await firstLine(driver, 'replica-b' as ReplicaId)).toBe('GPUs:1')
  expect(await firstLine(driver, 'replica-c' as ReplicaId)).toBe('GPUs:')
  await expect(driver.start(withGpus('replica-d', 1))).rejects.toMatchObject({ code: 'unavailable' })
  await expect(driver.start(withGpus('replica-d', 3))).rejects.toMatchObject({ code: 'invalid' })

  await driver.stop(A, { graceMs: 0 })
  const next = await world.connect()
  await next.start(withGpus('replica-d', 1))
  expect(await firstLine(next, 'replica-d' as ReplicaId)).toBe('GPUs:0')
})

test('an id that is no file name is refused', async () => {
  const world = await worldForTest()
  const driver = await world.connect()
  await expect(driver.start(programSpec('../escape', RUN))).rejects.toMatchObject({ code: 'invalid' })
  expect(await readdir(world.root)).not.toContain('escape')
})

/** As on a system that has none, so that nothing but the process group finds what runs. */
const noCgroups = () => findCgroups('berth-test-', 'darwin', systemClock)

async function worldForTest(options: Parameters<typeof ProcessWorld.create>[0] = {}): Promise<ProcessWorld> {
  const world = await ProcessWorld.create(options)
  onTestFinished(() => world.tearDown())
  return world
}

/** A process of its own that starts replicas and says so. */
function startControl(world: ProcessWorld, specs: readonly object[]): ChildProcess {
  const from = (file: string) => JSON.stringify(new URL(file, import.meta.url).href)
  const source = `
    import { createProcessDriver } from ${from('./process-driver.ts')}
    import { systemClock } from ${from('../../platform/clock.ts')}
    import { silentLog } from ${from('../../platform/log.ts')}
    const [directory, logDirectory, specs] = JSON.parse(process.argv[1])
    const driver = await createProcessDriver({ directory, logDirectory, clock: systemClock, log: silentLog })
    for (const spec of specs) await driver.start(spec)
    console.log('started')
  `
  const input = JSON.stringify([world.directory, world.logDirectory, specs])
  const control = spawn(process.execPath, ['--input-type=module', '-e', source, input], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void control.kill('SIGKILL'))
  return control
}

/** JavaScript that starts a `worker` which does not end when asked, and which says its pid once it is deaf. */
function withWorker({ detached }: { readonly detached: boolean }): string {
  const worker =
    'process.on("SIGTERM", () => {}); console.log(process.pid); process.send("deaf"); setInterval(() => {}, 1e6)'
  const options = JSON.stringify({ detached, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  return `const worker = require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(worker)}], ${options});`
}

/** Pids of first processes of replicas with this word in their command. */
async function processesMarked(mark: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const marked = await Promise.all(
    pids.map(async (pid) => {
      const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
      return words.includes(mark) && (await lives(Number(pid)))
    }),
  )
  return pids.filter((_, i) => marked[i])
}

async function selfReportOf(world: ProcessWorld, id: string): Promise<string> {
  const directory = path.join(world.directory, id)
  const name = await vi.waitFor(async () => {
    const [found] = (await readdir(directory)).filter((entry) => entry.startsWith('self-'))
    if (!found || (await readFile(path.join(directory, found), 'utf8')) === '')
      throw new Error('no report yet')
    return found
  }, PATIENCE)
  return path.join(directory, name)
}
