import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-simulate-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const simulate = (...args: string[]) =>
  promisify(execFile)(process.execPath, [join(import.meta.dirname, 'simulate-main.ts'), ...args])

test('a folder of traces is printed as one table, and written as JSON and as a page', async () => {
  const lines = Array.from({ length: 120 }, (_, i) => `${1_000 * i},400,${20 + (i % 5)}`)
  await writeFile(join(folder, 'two-minutes.csv'), ['t_ms,input,output', ...lines].join('\n'))
  await writeFile(join(folder, 'prices.csv'), 'name,price\nlarge,2\n')
  const [json, html] = [join(folder, 'out.json'), join(folder, 'out.html')]
  const { stdout } = await simulate('--all', folder, '--max', '3', '--json', json, '--html', html)
  expect(stdout).toContain('two-minutes on small replicas: 120 requests')
  expect(stdout).toMatch(/^ {2}trace +kept % +replica-h +÷ best tuned +÷ hf default +it kept %/m)
  expect(stdout).toContain('geometric mean of ÷ best tuned')
  const [contest, ...others] = JSON.parse(await readFile(json, 'utf8'))
  expect(others).toEqual([])
  expect(contest).toMatchObject({ trace: 'two-minutes', ours: { policy: 'berth slo', requests: 120 } })
  expect(contest.outcomes.map(({ family }: { family: string }) => family)).toEqual(
    expect.arrayContaining(['static', 'hf', 'kpa', 'hpa', 'kubeai', 'ray']),
  )
  expect(contest.score.overHfDefault).toBeGreaterThan(0)
  expect(await readFile(html, 'utf8')).toContain('<h2>two-minutes</h2>')
}, 60_000)

test.for<[args: string[], problem: string]>([
  [['--profile', 'huge'], '--profile huge: choose small or large.'],
  [['--attainment', '95'], '--attainment 95: choose from 0.5 to 0.9999.'],
  [['--frobnicate'], "Unknown option '--frobnicate'"],
])('%j is refused by name', async ([args, problem]) => {
  await expect(simulate(...args)).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining(problem) })
})

test('a folder without a trace is refused, and nothing else is played in its place', async () => {
  await expect(simulate('--all', folder)).rejects.toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining(`--all ${folder}: no trace lies in it.`),
  })
})
