/** The guide to the gateway lists every limit, header and reason that the source has, and none that it has not. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { GATEWAY_LIMITS } from './limits.ts'

const ROOM = import.meta.dirname
const guide = readFileSync(path.join(ROOM, '../../../../docs/gateway.md'), 'utf8')
const source = readdirSync(ROOM, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !/\.test\.ts$|conformance/.test(file))
  .map((file) => readFileSync(path.join(ROOM, file), 'utf8'))
  .join('\n')

const section = (title: string) => guide.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? ''
/** What stands in backticks in a column of a section's table. */
const listed = (title: string, column: number) =>
  section(title)
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .flatMap((line) => [...(line.split('|')[column] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name!))

/** Engines say these to the gateway, or the gateway only takes them out or passes them on. */
const OF_OTHERS = /^x-(compute-tokens|generated-tokens|prompt-tokens|forwarded-for)$/

/** There is one of these for each thing that is limited. */
const OF_EACH_LIMIT = /^(x-ratelimit-[a-z]+-)(?:requests|tokens)$/

test('its limits are those of the gateway', () => {
  expect(listed('Limits', 1).toSorted()).toEqual(Object.keys(GATEWAY_LIMITS).toSorted())
})

test('it lists every header of the gateway’s own', () => {
  const own = [...source.matchAll(/['`](x-[a-z-]+)['`]/g)].map(([, name]) =>
    name!.replace(OF_EACH_LIMIT, '$1'),
  )
  expect(own.length).toBeGreaterThan(8)
  const names = [...listed('Headers of requests', 1), ...listed('Headers of answers', 1)].map((name) =>
    name.replace('…', ''),
  )
  expect([...new Set(own)].filter((name) => !OF_OTHERS.test(name) && !names.includes(name))).toEqual([])
  const isThere = (name: string) => new RegExp(`['"\`.]${name}`).test(source)
  expect(names.filter((name) => !isThere(name))).toEqual([])
})

test('it lists every reason of an error', () => {
  const literal = [...source.matchAll(/reason: '([a-z_]+)'/g)].map(([, reason]) => reason!)
  const made = [
    ...['requests', 'tokens', 'concurrency'].map((kind) => `${kind}_limit`),
    ...['requests', 'bytes', 'share'].map((why) => `line_${why}`),
  ]
  expect(new Set(listed('Errors', 3))).toEqual(new Set([...literal, ...made]))
})
