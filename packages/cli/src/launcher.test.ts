import { execFile } from 'node:child_process'
import { access, cp, mkdtemp, realpath, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { LAUNCHER } from './testing/run-berth.ts'

const run = promisify(execFile)

/** Some Node that is too old for TypeScript, if this machine has one beside the pinned one. */
async function oldNode(): Promise<string | undefined> {
  for (const candidate of ['/usr/bin/node', '/usr/local/bin/node']) {
    try {
      await access(candidate)
      const { stdout } = await run(candidate, ['--version'])
      if (Number.parseInt(stdout.slice(1), 10) < 24) return candidate
    } catch {
      // Not there, or not a Node.
    }
  }
  return undefined
}
const old = await oldNode()

test.skipIf(!old)(
  'an old Node hands over to the installed one, with its exit code (needs a Node below 24)',
  async () => {
    const { stdout, stderr } = await run(old!, [LAUNCHER, '--version'])
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect(stderr).toBe('')
    await expect(run(old!, [LAUNCHER, 'nope'])).rejects.toMatchObject({ code: 2 })
  },
)

test.skipIf(!old)('an old Node without another one says what to do (needs a Node below 24)', async () => {
  const directory = await mkdtemp(path.join(await realpath(tmpdir()), 'berth-launcher-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  await cp(LAUNCHER, path.join(directory, 'berth.mjs'))
  await expect(run(old!, [path.join(directory, 'berth.mjs')])).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^berth needs Node 24 or later, and this is \d+.*npm ci/),
  })
})

test('it works through a link, as npm installs commands', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'berth-launcher-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  await symlink(LAUNCHER, path.join(directory, 'berth'))
  const { stdout, stderr } = await run(process.execPath, [path.join(directory, 'berth'), '--version'])
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  expect(stderr).toBe('')
})
