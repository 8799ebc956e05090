import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { FakeClock } from '../../testing/fake-clock.ts'
import { discoverMachine, KnownMachine, type Machine, parseGpus } from './machine.ts'

test('a machine without the program for GPUs has none, and that is worth no notice', async () => {
  const machine = await discoverMachine('no-such-program-anywhere')
  expect(machine).toMatchObject({ gpus: [], notices: [] })
  expect(machine.cpus).toBeGreaterThan(0)
  expect(machine.memoryBytes).toBeGreaterThan(2 ** 28)
  expect(machine.memoryBytes).toBeLessThanOrEqual(os.totalmem())
  expect(machine.cpuModel).not.toBe('')
})

test('GPUs are those that the program names', async () => {
  const program = await script('echo "0, NVIDIA H200, 143771"; echo "1, NVIDIA H200, 143771"')
  expect((await discoverMachine(program)).gpus).toEqual([
    { index: 0, name: 'NVIDIA H200', memoryBytes: 143771 * 2 ** 20 },
    { index: 1, name: 'NVIDIA H200', memoryBytes: 143771 * 2 ** 20 },
  ])
})

test('a driver that is broken is a notice and no GPU', async () => {
  const program = await script('echo "NVIDIA-SMI has failed: no driver" >&2; exit 9')
  const { gpus, notices } = await discoverMachine(program)
  expect(gpus).toEqual([])
  expect(notices).toEqual([expect.stringContaining('no driver')])
})

test('a driver that hangs is a notice and no GPU', async () => {
  const { gpus, notices } = await discoverMachine(await script('exec sleep 60'), 50)
  expect(gpus).toEqual([])
  expect(notices).toEqual([expect.stringContaining('did not answer')])
})

test('a GPU that shares the memory of the processor says nothing of its own', () => {
  expect(parseGpus('0, NVIDIA GB10, [N/A]\n')).toEqual([{ index: 0, name: 'NVIDIA GB10', memoryBytes: 0 }])
  expect(parseGpus('No devices were found\n')).toEqual([])
})

test('the machine is looked at again after a minute, and nobody waits for it', async () => {
  const clock = new FakeClock()
  const found: Machine = { cpus: 1, memoryBytes: 1, cpuModel: 'first', gpus: [], notices: [] }
  const second = Promise.withResolvers<Machine>()
  const answers = [Promise.resolve(found), second.promise]
  let looks = 0
  const machine = new KnownMachine(
    () => answers[looks++] ?? Promise.reject(new Error('asked too often')),
    clock,
  )

  expect(await machine.current()).toBe(found)
  await clock.advance(60_000)
  await machine.current()
  expect(looks).toBe(1)
  await clock.advance(1)
  expect(await machine.current()).toBe(found)
  expect(await machine.current()).toBe(found)
  expect(looks).toBe(2)
  second.resolve({ ...found, cpuModel: 'second' })
  await clock.advance(0)
  expect((await machine.current()).cpuModel).toBe('second')
  await clock.advance(60_001)
  await machine.current()
  await clock.advance(0)
  expect((await machine.current()).cpuModel).toBe('second')
})

async function script(body: string): Promise<string> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'berth-machine-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const program = path.join(directory, 'nvidia-smi')
  await writeFile(program, `#!/bin/sh\n${body}\n`)
  await chmod(program, 0o755)
  return program
}
