/**
 * A Vite plugin: a module named `*.data.ts` is run when the console is built, and the page gets its values as JSON.
 *
 * So the page knows the contract's routes, states and rules without carrying the library that they are written in.
 * Such a module imports what it likes; everything that it exports must be plain data.
 */
import type { Plugin } from 'vite'

export function buildTimeData(): Plugin {
  return {
    name: 'build-time-data',
    enforce: 'pre',
    async load(id) {
      if (!id.endsWith('.data.ts')) return null
      const values: Record<string, unknown> = await import(id)
      return Object.entries(values)
        .map(([name, value]) => `export const ${name} = ${JSON.stringify(value)}`)
        .join('\n')
    },
  }
}
