import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { FakeClock } from '../../testing/fake-clock.ts'
import { GpuUses, parseGpuUses } from './gpu-use.ts'

test('a line of the program becomes what one GPU does; what does not say is left out', () => {
  expect(parseGpuUses('0, 97, 1024\n1, [N/A], [N/A]\n2, 0, 4\n\nno devices\n')).toEqual([
    { index: 0, usePercent: 97, memoryBytes: 2 ** 30 },
    { index: 2, usePercent: 0, memoryBytes: 4 * 2 ** 20 },
  ])
})

test('the program is asked once for many replicas, and again after a while', async () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'berth-gpu-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const asked = path.join(directory, 'asked')
  const program = path.join(directory, 'nvidia-smi')
  writeFileSync(program, `#!/bin/sh\necho "$@" >> ${asked}\nprintf '0, 50, 1\\n1, 60, 2\\n'\n`)
  chmodSync(program, 0o755)
  const clock = new FakeClock()
  const uses = new GpuUses(clock, program)

  expect(await uses.of([])).toEqual([])
  const [one, both] = await Promise.all([uses.of([1]), uses.of([0, 1])])
  expect(one).toEqual([{ index: 1, usePercent: 60, memoryBytes: 2 * 2 ** 20 }])
  expect(both).toHaveLength(2)
  await clock.advance(5_000)
  await uses.of([0])
  expect(readFileSync(asked, 'utf8').trim().split('\n')).toHaveLength(2)
})

test('a machine without the program has GPUs that say nothing', async () => {
  expect(await new GpuUses(new FakeClock(), '/nowhere/nvidia-smi').of([0])).toEqual([])
})
