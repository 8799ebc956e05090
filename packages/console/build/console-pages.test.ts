import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { consolePages } from '../src/app/pages.ts'

test('the server answers every address of the router with the console', async () => {
  const router = await readFile(path.join(import.meta.dirname, '../src/app/router.tsx'), 'utf8')
  const paths = [...router.matchAll(/getParentRoute: \(\) => root,\s+path: '([^']+)'/g)].map(
    (match) => match[1]!,
  )
  expect(paths.length).toBeGreaterThan(4)
  const isServed = (address: string) =>
    address === '/' || consolePages.some((page) => address === page || address.startsWith(`${page}/`))
  expect(paths.filter((address) => !isServed(address))).toEqual([])
})
