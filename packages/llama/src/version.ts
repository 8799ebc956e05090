/** The versions that answer to "which engine is this?". */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

export function engineVersion(): string {
  const own = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  const library = path.join(createRequire(import.meta.url).resolve('node-llama-cpp'), '../..')
  const { version } = JSON.parse(readFileSync(path.join(library, 'package.json'), 'utf8'))
  const { tag } = JSON.parse(readFileSync(path.join(library, 'llama/llama.cpp.info.json'), 'utf8'))
  return `berth-llama ${own.version} (node-llama-cpp ${version}, llama.cpp ${tag})`
}
