import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { failureCauses, imageSettings } from '@berth/contract'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { DIRECTORY, engineDocs } from './engine-docs.ts'
import { GUIDES } from './guides.ts'

test('the pages about engines are what the schemas say: `npm run docs:engines` writes them anew', () => {
  const docs = engineDocs()
  for (const [name, content] of docs) {
    expect(readFileSync(path.join(DIRECTORY, name), 'utf8'), name).toBe(content)
  }
  expect(readdirSync(DIRECTORY).toSorted()).toEqual([...docs.keys()].toSorted())
})

test('every setting of every engine says what it does', () => {
  const silent = Object.values(GUIDES).flatMap(({ variant }) => {
    const schema = z.toJSONSchema(imageSettings[variant]!, { io: 'input' })
    return Object.entries(schema.properties ?? {})
      .filter(([, property]) => typeof property === 'object' && !property.deprecated && !property.description)
      .map(([name]) => `${variant}.${name}`)
  })
  expect(silent).toEqual([])
})

test('a cause of a failed start that a page names is one that is reported', () => {
  const named = Object.values(GUIDES).flatMap(({ fails }) =>
    fails.flatMap(([seen]) => /^`([a-z]+(?:_[a-z]+)+)`/.exec(seen)?.[1] ?? []),
  )
  expect(named).toContain('kv_cache_too_large')
  const reported: readonly (string | undefined)[] = failureCauses
  expect(named.filter((cause) => !reported.includes(cause))).toEqual([])
})
