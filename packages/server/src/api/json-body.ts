/**
 * Reads a JSON body, strictly: one that cannot be read is refused with the place where it goes wrong.
 *
 * What the values mean is the contract's business; here only what no route ever accepts is refused: text that is
 * not JSON, nesting that would overflow whoever walks it, and keys that reach into an object's prototype.
 */
import { PlatformError } from '../domain/errors.ts'

export const MAX_BODY_BYTES = 1024 * 1024
const MAX_DEPTH = 64

/** @returns undefined for an empty body. */
export function parseJsonBody(bytes: Uint8Array): unknown {
  if (bytes.byteLength === 0) return undefined
  const text = decoded(bytes)
  const value = parsed(text)
  refuseHostile(value, [])
  return value
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new PlatformError('invalid', 'The body is not UTF-8: encode the JSON as UTF-8.', {
      field: 'body',
      cause,
    })
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new PlatformError('invalid', `The body is not valid JSON: ${whereItBreaks(text)}.`, {
      field: 'body',
      cause,
    })
  }
}

/** The runtime's own messages name the place only sometimes, so it is looked for by bisection. */
function whereItBreaks(text: string): string {
  if (couldContinue(text)) return 'it ends too early'
  let good = 0
  let bad = text.length
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    if (couldContinue(text.slice(0, middle))) good = middle
    else bad = middle
  }
  const before = text.slice(0, good)
  const line = before.split('\n').length
  const column = good - before.lastIndexOf('\n')
  return `unexpected ${JSON.stringify(text.charAt(good))} at line ${line}, column ${column}`
}

/** Whether more text could make it JSON: it parses, or the parser only complains about its end. */
function couldContinue(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    const message = error instanceof Error ? error.message : ''
    const position = /at position (\d+)/.exec(message)?.[1]
    return (
      message.startsWith('Unexpected end') ||
      message.startsWith('Unterminated string') ||
      Number(position ?? -1) >= text.length
    )
  }
}

/** `path` is one growing and shrinking list: a body may hold half a million values. */
function refuseHostile(value: unknown, path: string[]): void {
  if (typeof value !== 'object' || value === null) return
  if (path.length > MAX_DEPTH) {
    const field = path.slice(0, 3).join('.')
    throw new PlatformError('invalid', `${field} is nested deeper than ${MAX_DEPTH} levels: flatten it.`, {
      field,
    })
  }
  if (Object.hasOwn(value, '__proto__')) {
    const field = [...path, '__proto__'].join('.')
    throw new PlatformError('invalid', `Unknown field "${field}": remove it.`, { field })
  }
  for (const key in value) {
    path.push(key)
    refuseHostile((value as Record<string, unknown>)[key], path)
    path.pop()
  }
}
