import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test, vi } from 'vitest'
import { isSandboxArchitecture, sandboxArchive, waitProgram } from './sandbox-image.ts'

const HERE = process.arch === 'x64' ? 'amd64' : process.arch

test('the program waits in the kernel of this machine until it is killed', async ({ skip }) => {
  if (process.platform !== 'linux' || !isSandboxArchitecture(HERE)) return skip('it is a program for Linux')
  const file = path.join(await directory(), 'wait')
  await writeFile(file, waitProgram(HERE), { mode: 0o755 })
  const program = spawn(file)
  const ended = once(program, 'exit')
  await once(program, 'spawn')
  // Asleep in the kernel: neither busy, nor ended because it went on where it should not.
  await vi.waitFor(async () => {
    expect(await readFile(`/proc/${program.pid}/stat`, 'utf8')).toContain(' (wait) S ')
  })
  program.kill('SIGKILL')
  expect(await ended).toEqual([null, 'SIGKILL'])
})

test.for(['amd64', 'arm64'] as const)('the archive for %s has the program and nothing else', async (name) => {
  const at = await directory()
  const tar = async (...args: readonly string[]) =>
    (await promisify(execFile)('tar', args, { cwd: at })).stdout
  await writeFile(path.join(at, 'image.tar'), sandboxArchive(name))
  expect(await tar('-tvf', 'image.tar')).toMatch(/^-rwxr-xr-x .* wait\n$/)
  await tar('-xf', 'image.tar')
  expect(await readFile(path.join(at, 'wait'))).toEqual(waitProgram(name))
})

test('there is no program for other architectures', () => {
  expect(['amd64', 'arm64', 's390x', 'constructor', undefined].filter(isSandboxArchitecture)).toEqual([
    'amd64',
    'arm64',
  ])
})

async function directory(): Promise<string> {
  const made = await mkdtemp(path.join(os.tmpdir(), 'berth-sandbox-'))
  onTestFinished(() => rm(made, { recursive: true, force: true }))
  return made
}
