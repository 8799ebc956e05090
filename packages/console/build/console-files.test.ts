import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { beforeAll, expect, test } from 'vitest'
import { consoleFiles } from './console-files.ts'

const BUILD_TIMEOUT_MS = 120_000
let directory: string
let names: readonly string[]
beforeAll(async () => {
  directory = await consoleFiles(() => {})
  names = await readdir(directory, { recursive: true })
}, BUILD_TIMEOUT_MS)

const read = (name: string) => readFile(path.join(directory, name), 'utf8')

test('what is built is found again, and not built again', async () => {
  const again = await consoleFiles(() => {
    throw new Error('it was built again')
  })
  expect(again).toBe(directory)
})

test('every file that the page names is there', async () => {
  const html = await read('index.html')
  const named = [...html.matchAll(/(?:src|href)="\/([^"]+)"/g)].map((match) => match[1]!)
  expect(named.length).toBeGreaterThan(3)
  expect(named.filter((name) => !names.includes(path.normalize(name)))).toEqual([])
})

test('the page works under a policy that allows nothing inline', async () => {
  const html = await read('index.html')
  expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:|data:/)
})

test('the page names no address but its own', async () => {
  for (const name of names.filter((one) => /\.(?:html|css)$/.test(one))) {
    expect(await read(name), name).not.toMatch(/(?:src|href|url\()\s*=?["'(]*\s*(?:https?:)?\/\//)
  }
})

test('no schema library is sent to the browser', async () => {
  for (const name of names.filter((one) => one.endsWith('.js'))) {
    expect(await read(name), name).not.toContain('ZodError')
  }
})

test('every text of some size lies there compressed too', async () => {
  const scripts = names.filter((name) => name.endsWith('.js.gz'))
  expect(scripts.length).toBeGreaterThan(5)
  const name = scripts[0]!
  expect(gunzipSync(await readFile(path.join(directory, name))).toString()).toBe(
    await read(name.slice(0, -3)),
  )
})
