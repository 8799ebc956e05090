import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:fs'
import { mkdir, mkdtemp, open, readFile, readlink, rename, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test, vi } from 'vitest'
import { findProgram, type Launch, Launcher, reported } from './launch.ts'
import { processTableOf } from './process-table.ts'

test('the process reports who it is before the program runs, and the program has the same pid', async () => {
  const { launch, output } = await place('echo $$')
  const child = await launchNow(launch)
  await once(child, 'exit')
  const report = await readFile(launch.selfReportFile, 'utf8')
  expect(processTableOf(process.platform).parseSelfReport(report)?.pid).toBe(child.pid)
  expect(await output()).toBe(`${child.pid}\n`)
})

test('a process whose directory was moved away never becomes the program', async () => {
  const { launch, root, output } = await place('echo it runs')
  await rename(path.join(root, 'replica'), path.join(root, 'abandoned'))
  const child = await launchNow(launch)
  expect(await once(child, 'exit')).toEqual([125, null])
  expect(await output()).not.toContain('it runs')
})

test.skipIf(process.platform !== 'linux')(
  'a process whose directory is moved away while it reports never becomes the program (looks into /proc)',
  async () => {
    const { launch, root, output } = await place('echo it runs')
    // A full pipe holds the report up half way, which is the moment to move the directory.
    await promisify(execFile)('mkfifo', [launch.selfReportFile])
    const pipe = await open(launch.selfReportFile, constants.O_RDWR | constants.O_NONBLOCK)
    onTestFinished(() => pipe.close())
    await expect(pipe.writeFile(Buffer.alloc(2 ** 22))).rejects.toThrow('EAGAIN')
    const child = await launchNow(launch)
    const ended = once(child, 'exit')
    const isReporting = async () =>
      expect(await readlink(`/proc/${child.pid}/fd/1`)).toBe(launch.selfReportFile)
    await vi.waitFor(isReporting, { timeout: 10_000, interval: 5 })
    await rename(path.join(root, 'replica'), path.join(root, 'abandoned'))
    await pipe.read(Buffer.alloc(2 ** 16))
    expect(await ended).toEqual([125, null])
    expect(await output()).not.toContain('it runs')
  },
)

test('a process that has reported can be found again, and one that ends before it can is not waited for', async () => {
  const { launch, root } = await place('exec sleep 60')
  const child = await launchNow(launch)
  await reported(child)
  expect(await readFile(launch.selfReportFile, 'utf8')).toMatch(new RegExp(`^${child.pid} `))
  process.kill(child.pid, 'SIGKILL')
  await rename(path.join(root, 'replica'), path.join(root, 'abandoned'))
  await reported(await launchNow(launch))
})

test('a process that may not enter its cgroup is killed, and its log says why', async () => {
  const { launch, root, output } = await place('exec sleep 60')
  const cgroupProcsFiles = [path.join(root, 'no-such-cgroup', 'cgroup.procs')]
  const child = await launchNow({ ...launch, cgroupProcsFiles })
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
  expect(await output()).toContain('berth: cannot enter the cgroup')
})

test('arguments arrive as they are', async () => {
  const args = ['', 'two words', '--', '$HOME', `"'`, '*', 'line\nbreak']
  const { launch, output } = await place('')
  const command = [
    process.execPath,
    '-e',
    'console.log(JSON.stringify(process.argv.slice(1)))',
    '--',
    ...args,
  ]
  const child = await launchNow({ ...launch, command })
  await once(child, 'exit')
  expect(JSON.parse(await output())).toEqual(args)
})

test('a command that is longer than the system allows is invalid', async () => {
  const { launch } = await place('true')
  const command = [...launch.command, 'x'.repeat(2 ** 23)]
  await expect(launchNow({ ...launch, command })).rejects.toMatchObject({ code: 'invalid' })
})

test('a program is found on the given PATH, in its order, and only if it can be run', async () => {
  expect(await findProgram('sh', '/no/such/folder:/bin')).toBe('/bin/sh')
  expect(await findProgram('sh', '')).toBeUndefined()
  expect(await findProgram('/bin/sh', '')).toBe('/bin/sh')
  expect(await findProgram('/etc/passwd', '')).toBeUndefined()
  expect(await findProgram('/bin', '')).toBeUndefined()
})

test('a launch takes over the process that waits for it, and the next one has its own', async () => {
  const launcher = new Launcher()
  onTestFinished(() => launcher.close())
  launcher.prepare()
  const pids = new Set<number>()
  for (const word of ['first', 'second']) {
    const { launch, output } = await place(`echo ${word} $$`)
    const child = await launcher.launch(launch)
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(await output()).toBe(`${word} ${child.pid}\n`)
    pids.add(child.pid)
  }
  expect(pids.size).toBe(2)
})

test('a process that waited and was killed is not taken', async () => {
  const launcher = new Launcher()
  onTestFinished(() => launcher.close())
  const waiting = launcher.prepare()!
  process.kill(waiting.pid!, 'SIGKILL')
  await once(waiting, 'exit')
  const { launch, output } = await place('echo it runs')
  const child = await launcher.launch(launch)
  await once(child, 'exit')
  expect(await output()).toBe('it runs\n')
})

test('a process that waits ends when the launcher closes', async () => {
  const launcher = new Launcher()
  const waiting = launcher.prepare()!
  launcher.close()
  expect(await once(waiting, 'exit')).toEqual([0, null])
})

test('the program has the variables it was given and no others, also those that shells keep for themselves', async () => {
  const env = { PATH: '/bin', IFS: 'a', UID: '7', PWD: '/elsewhere', LINES: "two\nlines, '$HOME'" }
  const { launch, output } = await place('')
  const command = [process.execPath, '-e', 'console.log(JSON.stringify(process.env))']
  const child = await launchNow({ ...launch, command, env })
  await once(child, 'exit')
  const { UID, ...seen } = JSON.parse(await output())
  expect(seen).toEqual({ PATH: '/bin', IFS: 'a', PWD: '/elsewhere', LINES: env.LINES })
})

test.each([
  ['a name with a hyphen', { 'A-B': 'x' }],
  ['a name that would be a command', { 'A=1; touch /tmp/x; B': 'x' }],
  ['a value with a NUL character', { A: 'x\0y' }],
])('%s is invalid', async (_, env) => {
  const { launch } = await place('true')
  await expect(launchNow({ ...launch, env })).rejects.toMatchObject({ code: 'invalid' })
})

async function launchNow(launch: Launch) {
  const launcher = new Launcher()
  const child = await launcher.launch(launch)
  launcher.close()
  return child
}

async function place(script: string) {
  const root = await mkdtemp(path.join(os.tmpdir(), 'berth-launch-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  await mkdir(path.join(root, 'replica'))
  const logFile = path.join(root, 'log')
  const launch: Launch = {
    command: ['/bin/sh', '-c', script],
    env: {},
    directory: root,
    selfReportFile: path.join(root, 'replica', 'self'),
    cgroupProcsFiles: [],
    logFile,
  }
  return { root, launch, output: () => readFile(logFile, 'utf8') }
}
