import { access, readFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { consoleDirectory } from './console-files.ts'

const read = (name: string) => readFile(path.join(consoleDirectory, name), 'utf8')

test('every file that the page names is there', async () => {
  const html = await read('index.html')
  const names = [...html.matchAll(/(?:src|href)="\/([\w.-]+\.\w+)"/g)].map((match) => match[1]!)
  expect(names).toEqual(['console.css', 'console.js'])
  for (const name of names) await access(path.join(consoleDirectory, name))
})

test('the page works under a policy that allows nothing inline and nothing foreign', async () => {
  const html = await read('index.html')
  expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:/)
  for (const text of [html, await read('console.css'), await read('console.js')]) {
    expect(text).not.toMatch(/https?:\/\/|@import|innerHTML|eval\(/)
  }
})

test('every element that the script asks for exists, and every field has a label', async () => {
  const html = await read('index.html')
  const script = await read('console.js')
  const ids = new Set([...html.matchAll(/\sid="([\w-]+)"/g)].map((match) => match[1]!))
  const asked = [...script.matchAll(/element\('([\w-]+)'\)/g)].map((match) => match[1]!)
  expect(asked.length).toBeGreaterThan(10)
  expect(asked.filter((id) => !ids.has(id))).toEqual([])
  expect(html).toContain('<label for="token">')
})
