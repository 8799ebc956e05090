import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { vllmProgram } from './vllm-program.ts'

let home: string
beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'berth-vllm-'))
})
afterAll(() => rm(home, { recursive: true, force: true }))

test('nobody who names no program has one', async () => {
  expect(await vllmProgram(undefined)).toBeUndefined()
})

test('a program that is there is taken, by its whole path', async () => {
  const program = path.join(home, 'vllm')
  await writeFile(program, '#!/bin/sh\n')
  await chmod(program, 0o755)
  expect(await vllmProgram(path.relative(process.cwd(), program))).toBe(program)
})

test.for<[string, () => Promise<void>]>([
  ['nothing', async () => {}],
  ['no program', () => writeFile(path.join(home, 'no program'), '')],
  ['.', async () => {}],
])('what cannot be run is an error that says so: %s', async ([name, make]) => {
  await make()
  const setting = path.join(home, name)
  await expect(vllmProgram(setting)).rejects.toMatchObject({
    code: 'invalid',
    field: 'BERTH_VLLM',
    message: expect.stringContaining(`BERTH_VLLM is "${setting}", and that cannot be run`),
  })
})
