import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test, vi } from 'vitest'
import { processTableOf } from './process-table.ts'

const table = processTableOf(process.platform)

test('a running process is found, with the same start time every time', async () => {
  const found = await table.find(process.pid)
  expect(found).toMatchObject({ pid: process.pid, startTime: expect.stringMatching(/\d/) })
  expect(await table.find(process.pid)).toEqual(found)
})

test('a group is its living members, and a number that another process leads now is no group of ours', async () => {
  const leader = spawn('/bin/sh', ['-c', 'sleep 1000 & sleep 1000'], { detached: true, stdio: 'ignore' })
  const pid = leader.pid!
  onTestFinished(() => void process.kill(-pid, 'SIGKILL'))
  await once(leader, 'spawn')
  const identity = (await table.find(pid))!
  await vi.waitFor(async () => expect(await table.groupMembers(identity)).toHaveLength(3), { timeout: 5_000 })
  expect(await table.groupMembers({ ...identity, startTime: '1' })).toEqual([])
  expect((await table.usage(await table.groupMembers(identity))).memoryBytes).toBeGreaterThan(0)
  leader.kill('SIGKILL')
  await once(leader, 'exit')
  expect(await table.find(pid)).toBeUndefined()
  expect(await table.groupMembers(identity)).toHaveLength(2)
})

test('a process may have spaces and brackets in its name', () => {
  const fields = `S 1 4711 4711 0 -1 4194304 99 0 0 0 150 50 0 0 20 0 1 0 133730 3133440`
  expect(processTableOf('linux').parseSelfReport(`4711 (my (odd) name) ${fields}\n`)).toMatchObject({
    pid: 4711,
    startTime: '133730',
  })
})

test('a report that is not whole is no report', () => {
  for (const platform of ['linux', 'darwin'] as const) {
    for (const text of ['', '4711', '4711 (sh) S 1', '4711 Sat Nov']) {
      expect(processTableOf(platform).parseSelfReport(text)).toBeUndefined()
    }
  }
  expect(processTableOf('darwin').parseSelfReport('4711 Sat Nov 21 02:01:07 2026\n')).toEqual({
    pid: 4711,
    startTime: 'Sat Nov 21 02:01:07 2026',
  })
})
