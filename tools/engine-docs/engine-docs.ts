/**
 * Writes `docs/engines/`: a page for each engine and a list of them.
 *
 *     npm run docs:engines
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { everyEngine } from '../../packages/server/src/engines/engines.ts'
import { enginePage } from './engine-page.ts'
import { GUIDES } from './guides.ts'

export const DIRECTORY = path.resolve(import.meta.dirname, '../../docs/engines')

/** File name → content. */
export function engineDocs(): ReadonlyMap<string, string> {
  const engines = everyEngine()
  const list = engines.map(
    ({ name, capabilities }) =>
      `- [${GUIDES[name]?.title ?? name}](${name}.md): ${capabilities.join(', ') || 'whatever your image does'}.\n  ${GUIDES[name]?.when ?? ''}`,
  )
  const index = `# Engines\n\nWhich one serves a repository, and whether it fits: \`berth plan <repository>\`.\n\n${list.join('\n')}\n`
  return new Map([
    ['README.md', index],
    ...engines.map((engine) => [`${engine.name}.md`, enginePage(engine)] as const),
  ])
}

if (import.meta.main) {
  mkdirSync(DIRECTORY, { recursive: true })
  for (const [name, content] of engineDocs()) writeFileSync(path.join(DIRECTORY, name), content)
}
