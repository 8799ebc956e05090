import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { imageSettings } from '@berth/contract'
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
