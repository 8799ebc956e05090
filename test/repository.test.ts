/** What the repository promises about itself: its words, its links and what it depends on. */

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { endpointStates, errorCodes } from '@berth/contract'
import { expect, test } from 'vitest'

const ROOT = path.resolve(import.meta.dirname, '..')
const THIS_FILE = 'test/repository.test.ts'
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8')

/** What is kept, and what is about to be. */
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(path.join(ROOT, file)))

const pages = files.filter((file) => file.endsWith('.md'))

test.for(pages)('every link in %s leads somewhere', (page) => {
  const text = read(page).replaceAll(/```[\s\S]*?```/g, '')
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!)
  const broken = targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false
    const [file = '', anchor] = target.split('#')
    const linked = file === '' ? page : path.join(path.dirname(page), file)
    if (!existsSync(path.join(ROOT, linked))) return true
    return anchor !== undefined && !anchorsOf(read(linked)).has(anchor)
  })
  expect(broken).toEqual([])
})

test('the glossary has every state of an endpoint, and no other', () => {
  const section = sectionOf(read('docs/glossary.md'), 'States of an endpoint')
  expect(firstColumn(section)).toEqual([...endpointStates])
})

test('the glossary has every error code, and no other', () => {
  const section = sectionOf(read('docs/glossary.md'), 'Error codes')
  expect(firstColumn(section)).toEqual(errorCodes)
})

test('every dependency has its line, and every line its dependency', () => {
  const manifests = files.filter((file) => path.basename(file) === 'package.json')
  const used = manifests.flatMap((file) => {
    const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read(file)) as Record<
      string,
      Record<string, string> | undefined
    >
    return Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies })
  })
  const foreign = new Set(used.filter((name) => !name.startsWith('@berth/')))
  const listed = firstColumn(read('docs/decisions/dependencies.md'))
  expect(listed.toSorted()).toEqual([...foreign].toSorted())
})

test('every dependency is pinned to one version', () => {
  const manifests = files.filter((file) => path.basename(file) === 'package.json')
  const loose = manifests.flatMap((file) => {
    const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read(file)) as Record<
      string,
      Record<string, string> | undefined
    >
    return Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
      .filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))
      .map(([name, version]) => `${file}: ${name} ${version}`)
  })
  expect(loose).toEqual([])
})

test('every decision is on the list of decisions', () => {
  const list = read('docs/decisions/README.md')
  const decisions = files.filter((file) => /^docs\/decisions\/\d{4}-.*\.md$/.test(file))
  expect(decisions.length).toBeGreaterThan(0)
  for (const file of decisions) expect(list).toContain(`(${path.basename(file)})`)
})

test('nothing is left for later in the text', () => {
  const marker = /\b(?:TODO|FIXME)\b/
  const isText = (file: string) => /\.(?:ts|tsx|js|mjs|css|html|md|json|yml|yaml|sh|py)$/.test(file)
  const marked = files.filter(
    (file) => isText(file) && file !== 'package-lock.json' && file !== THIS_FILE && marker.test(read(file)),
  )
  expect(marked).toEqual([])
})

function anchorsOf(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ +(.*)$/gm)].map((match) => match[1]!)
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

function sectionOf(text: string, heading: string): string {
  const start = text.indexOf(`## ${heading}\n`)
  if (start < 0) return expect.fail(`there is no heading "${heading}"`)
  const end = text.indexOf('\n## ', start + 1)
  return text.slice(start, end < 0 ? undefined : end)
}

/** The code words in the first column of every table. */
/** What stands in backticks there; packages of one family may share a line. */
function firstColumn(text: string): string[] {
  const cells = [...text.matchAll(/^\| (`[^|]+`) +\|/gm)].map((match) => match[1]!)
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!))
}
