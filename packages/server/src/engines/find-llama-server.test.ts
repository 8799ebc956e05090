import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findLlamaServer, llamaDirectory } from './find-llama-server.ts'

let home: string
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'berth-find-'))
})
afterEach(async () => {
  await rm(home, { recursive: true, force: true })
})

async function program(directory: string, script: string, mode = 0o755): Promise<string> {
  const file = path.join(home, directory, 'llama-server')
  await mkdir(path.dirname(file), { recursive: true })
  await writeFile(file, `#!/bin/sh\n${script}\n`)
  await chmod(file, mode)
  return file
}
const says = (version: string) => `echo "version: ${version}" >&2; echo "built with GNU for Linux" >&2`
const look = (changes: Partial<Parameters<typeof findLlamaServer>[0]> = {}) =>
  findLlamaServer({
    setting: undefined,
    path: ['a', 'b', 'c'].map((name) => path.join(home, name)).join(path.delimiter),
    cacheDirectory: path.join(home, 'cache'),
    ...changes,
  })

test('nothing there is nothing found', async () => {
  expect(await look()).toBeUndefined()
  expect(await look({ path: undefined })).toBeUndefined()
})

test('the first on PATH that runs is taken, with its version', async () => {
  await program('a', 'exit 1')
  const file = await program('b', says('0.7.0 (build 11669, commit Debian)'))
  await program('c', says('0.5.0'))
  expect(await look()).toEqual({ path: file, version: '0.7.0 (build 11669, commit Debian)' })
})

test('what may not be executed or says no version is passed over', async () => {
  await program('a', says('1'), 0o644)
  await program('b', 'echo hello')
  const file = await program('c', says('3'))
  expect(await look()).toEqual({ path: file, version: '3' })
})

test('PATH comes before Berth’s own cache, and the cache before nothing', async () => {
  const cache = path.relative(home, llamaDirectory(path.join(home, 'cache')))
  const own = await program(cache, says('4'))
  expect(await look()).toEqual({ path: own, version: '4' })
  const onPath = await program('c', says('3'))
  expect((await look())?.path).toBe(onPath)
})

test('the setting wins over PATH, and "off" over everything', async () => {
  await program('a', says('1'))
  const file = await program('elsewhere', says('2'))
  expect(await look({ setting: file })).toEqual({ path: file, version: '2' })
  expect(await look({ setting: 'off' })).toBeUndefined()
})

test('a setting that does not work is an error that says so', async () => {
  await program('a', says('1'))
  const missing = path.join(home, 'missing')
  await expect(look({ setting: missing })).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringContaining(`BERTH_LLAMA_SERVER is "${missing}", and that does not run`),
  })
  const mute = await program('mute', 'true')
  await expect(look({ setting: mute })).rejects.toThrow('prints no line "version: …"')
})
