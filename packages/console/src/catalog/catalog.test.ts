import { imageVariants } from '@berth/contract'
import { expect, test } from 'vitest'
import { CATALOG, catalogMatches } from './catalog.ts'

test('no model is on the list twice, and each names an engine that there is', () => {
  const repositories = CATALOG.map((model) => model.repository)
  expect(new Set(repositories).size).toBe(repositories.length)
  expect(CATALOG.filter((model) => !imageVariants.includes(model.engine))).toEqual([])
})

test('each model is said to be something in a sentence, and what it needs', () => {
  for (const model of CATALOG) {
    expect(model.repository).toMatch(/^[\w.-]+\/[\w.-]+$/)
    expect(model.why, model.repository).toMatch(/^[A-Z].*\.$/)
    expect(model.memoryGb).toBeGreaterThan(0)
  }
})

test.for([
  ['coder', ['Qwen/Qwen2.5-Coder-7B-Instruct-GGUF']],
  ['embeddings hundred', ['BAAI/bge-m3']],
  ['no such model', []],
] as const)('%s finds %s', ([query, found]) => {
  expect(catalogMatches(query).map((model) => model.repository)).toEqual(found)
})

test('a task shows its own', () => {
  const ranking = catalogMatches('', 'text-ranking')
  expect(ranking.length).toBeGreaterThan(0)
  expect(ranking.every((model) => model.task === 'text-ranking')).toBe(true)
})
