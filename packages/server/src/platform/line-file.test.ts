import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { LineFile } from './line-file.ts'

async function place(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'line-file-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return path.join(directory, 'logs', 'lines.log')
}
const linesOf = async (file: string) => (await readFile(file, 'utf8')).trimEnd().split('\n')

test('lines are written in order, in a directory that was not there', async () => {
  const file = await place()
  const lines = new LineFile(file)
  const wanted = Array.from({ length: 1_000 }, (_, number) => `line ${number}`)
  for (const line of wanted) lines.add(line)
  await lines.close()
  expect(await linesOf(file)).toEqual(wanted)
})

test('a file that is too large is set aside, and another that writes to it follows to the new one', async () => {
  const file = await place()
  const [one, other] = [new LineFile(file, 100), new LineFile(file, 100)]
  other.add('other begins')
  await other.close()
  one.add('x'.repeat(200))
  await one.close()
  one.add('one goes on')
  await one.close()
  other.add('other goes on')
  await other.close()
  expect(await linesOf(`${file}.1`)).toEqual(['other begins', 'x'.repeat(200)])
  expect(await linesOf(file)).toEqual(['one goes on', 'other goes on'])
})

test('lines that come faster than they can be written are counted instead of kept', async () => {
  const file = await place()
  const lines = new LineFile(file)
  const long = 'x'.repeat(400_000)
  for (let number = 0; number < 5; number++) lines.add(long)
  await lines.close()
  expect(await linesOf(file)).toEqual([long, long, '{"leftOut":3}'])
})

test('a place that cannot be written to harms nobody', async () => {
  const file = await place()
  await writeFile(path.dirname(file), 'not a directory')
  const lines = new LineFile(file)
  lines.add('lost')
  await expect(lines.close()).resolves.toBeUndefined()
})
