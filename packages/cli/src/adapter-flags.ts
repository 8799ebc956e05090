/** `--adapter name=repository[@revision]`, and how what it says is merged with what an endpoint has. */
import path from 'node:path'
import type { Endpoint } from '@berth/contract'
import { usageError } from './exit.ts'

export type AdapterFlags = { readonly adapter?: readonly string[]; readonly unsetAdapter?: readonly string[] }

type Adapters = NonNullable<Endpoint['model']['adapters']>

/** @returns undefined where no flag speaks of adapters. @throws CommandError for one that cannot be understood. */
export function adaptersFrom(
  { adapter, unsetAdapter }: AdapterFlags,
  current: Adapters,
  workingDirectory: string,
): Adapters | undefined {
  if (!adapter && !unsetAdapter) return undefined
  const adapters = { ...current }
  for (const name of unsetAdapter ?? []) {
    if (!Object.hasOwn(adapters, name)) {
      const there = Object.keys(current).join(', ') || 'none'
      throw usageError(`--unset-adapter is "${name}": the endpoint's adapters are ${there}.`)
    }
    delete adapters[name]
  }
  for (const text of adapter ?? []) {
    const at = text.indexOf('=')
    if (at < 1 || at === text.length - 1) {
      throw usageError(`--adapter is "${text}": write it as NAME=REPOSITORY or NAME=REPOSITORY@REVISION.`)
    }
    adapters[text.slice(0, at)] = sourceOf(text.slice(at + 1), workingDirectory)
  }
  return adapters
}

/** A path has no revisions, and may have an "@" in it. */
function sourceOf(text: string, workingDirectory: string): Adapters[string] {
  if (/^(file:|\/|\.{1,2}(\/|$))/.test(text)) {
    return { repository: `file:${path.resolve(workingDirectory, text.replace(/^file:(\/\/)?/, ''))}` }
  }
  const at = text.lastIndexOf('@')
  return at < 1 ? { repository: text } : { repository: text.slice(0, at), revision: text.slice(at + 1) }
}
