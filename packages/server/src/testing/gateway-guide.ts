/** What `docs/gateway.md` says that the gateway has, and what its source says, for the tests that compare them. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type ErrorCode, HTTP_STATUS } from '@berth/contract'

const ROOM = path.join(import.meta.dirname, '../gateway')
const guide = readFileSync(path.join(import.meta.dirname, '../../../../docs/gateway.md'), 'utf8')

/** Of the gateway's room, without its tests. */
export const gatewaySource = readdirSync(ROOM, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !/\.test\.ts$|conformance/.test(file))
  .map((file) => readFileSync(path.join(ROOM, file), 'utf8'))
  .join('\n')

const rowsOf = (title: string) =>
  (guide.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? '')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) => line.split('|').map((cell) => cell.trim()))

const namesIn = (cell: string | undefined) =>
  [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name!)

/** What stands in backticks in a column of a section's table. */
export const listed = (title: string, column: number): readonly string[] =>
  rowsOf(title).flatMap((row) => namesIn(row[column]))

/** An error as a caller tells it from others. */
export type ErrorKind = `${number} ${string} ${string}`

export const errorKind = (status: number, code: string, reason: string | undefined): ErrorKind =>
  `${status} ${code} ${reason ?? '-'}`

export const listedErrors: ReadonlySet<ErrorKind> = new Set(
  rowsOf('Errors').flatMap(([, status, codes, reasons]) => {
    const said = namesIn(reasons)
    return namesIn(codes).flatMap((code) =>
      (said.length === 0 ? [undefined] : said).map((reason) => errorKind(Number(status), code, reason)),
    )
  }),
)

/** Names that end in an ellipsis stand for all that begin like that. */
export function isListedHeader(name: string): boolean {
  return listed('Headers of answers', 1).some((one) =>
    one.endsWith('…') ? name.startsWith(one.slice(0, -1)) : name === one,
  )
}

/** Reasons that are put together. */
const REASONS_OF: Readonly<Record<string, readonly string[]>> = {
  'line_${why}': ['line_requests', 'line_bytes', 'line_share'],
  '${kind}_limit': ['requests_limit', 'tokens_limit', 'concurrency_limit'],
}

/** What the gateway raises, read from its source, and what its fronts say themselves. */
export function errorsInSource(): ReadonlySet<ErrorKind> {
  const kinds = new Set<ErrorKind>()
  for (const { index } of gatewaySource.matchAll(/new PlatformError\(/g)) {
    const call = balanced(gatewaySource, index + 'new PlatformError'.length)
    const code = /^\(\s*'([a-z_]+)'/.exec(call)?.[1] as ErrorCode | undefined
    if (code === undefined) throw new Error(`an error without a literal code: ${call.slice(0, 100)}`)
    for (const reason of reasonsIn(call, gatewaySource.slice(0, index))) {
      kinds.add(errorKind(HTTP_STATUS[code], code, reason))
    }
  }
  for (const [, status] of gatewaySource.matchAll(/status: (4\d\d)\b|\[(4\d\d), /g)) {
    if (status !== undefined) kinds.add(errorKind(Number(status), 'invalid', undefined))
  }
  return kinds
}

function reasonsIn(call: string, before: string): readonly (string | undefined)[] {
  const literal = /\breason: '([a-z_]+)'/.exec(call)?.[1]
  if (literal !== undefined) return [literal]
  const made = /\breason: `([^`]+)`/.exec(call)?.[1]
  const named = made ?? (/\breason\b(?!:)[^}]*\}\)?,?\s*\)$/.test(call) ? templateBefore(before) : undefined)
  if (named === undefined) return [undefined]
  const reasons = REASONS_OF[named]
  if (!reasons) throw new Error(`a reason that is put together in a way that no test knows: ${named}`)
  return reasons
}

const templateBefore = (before: string) => [...before.matchAll(/const reason = `([^`]+)`/g)].at(-1)?.[1]

/** @returns the text from the bracket at `from` to the one that closes it. */
function balanced(text: string, from: number): string {
  let depth = 0
  let quote: string | undefined
  for (let at = from; at < text.length; at++) {
    const character = text[at]!
    if (quote !== undefined) {
      if (character === '\\') at++
      else if (character === quote) quote = undefined
    } else if (character === "'" || character === '`' || character === '"') quote = character
    else if (character === '(') depth++
    else if (character === ')' && --depth === 0) return text.slice(from, at + 1)
  }
  throw new Error('a call without an end')
}
