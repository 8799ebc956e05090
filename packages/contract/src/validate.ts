/** Turns a refused value into one sentence that names the field, the value and the rule. */
import type { z } from 'zod'

export type Problem = { readonly field: string; readonly message: string }

/** The first thing wrong with `value` according to `error`; `root` names the value as a whole ("body"). */
export function describeProblem(error: z.ZodError, value: unknown, root: string): Problem {
  const issue = deepest(error.issues[0]!)
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    const names = issue.keys.map((key) => cut([...path, key].join('.')))
    const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : ''
    return {
      field: names[0]!,
      message: `Unknown field ${names.slice(0, MAX_NAMES).map(quoted).join(', ')}${more}: remove it or check its spelling.`,
    }
  }
  const field = cut(path.join('.')) || root
  const rule = ruleOf(issue)
  const found = path.reduce<unknown>((inner, key) => (isObject(inner) ? inner[key] : undefined), value)
  const isMissing = found === undefined && (issue.code === 'invalid_type' || issue.code === 'invalid_value')
  // A shape that was rewritten before it was judged has its problem where the value was not.
  const isHidden = found === undefined || path.some(isSecret)
  return {
    field,
    message: `${field} is ${isMissing ? 'missing' : isHidden ? 'wrong' : shown(found)}: ${rule}.`,
  }
}

/** A union reports one list of problems per member: the member with the fewest is the one that was meant. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return issue
  const nearest = issue.errors.toSorted((a, b) => a.length - b.length)[0]
  const inner = nearest?.[0]
  if (!inner) return issue
  return deepest({ ...inner, path: [...issue.path, ...inner.path] } as z.core.$ZodIssue)
}

/** The library's own sentences repeat what was received, which ours says already. */
function ruleOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) {
    return `must be ${withArticle[issue.expected] ?? `a ${issue.expected}`}`
  }
  if (issue.code === 'invalid_key')
    return issue.issues[0] ? ruleOf(issue.issues[0]) : lowerFirst(issue.message)
  return lowerFirst(issue.message)
}

const withArticle: Readonly<Record<string, string>> = {
  array: 'a list',
  int: 'a whole number',
  object: 'an object',
  record: 'an object',
}

const MAX_SHOWN = 80
const MAX_NAMES = 5

function shown(value: unknown): string {
  return cut(JSON.stringify(value, (key, inner: unknown) => (isSecret(key) ? '…' : inner)) ?? String(value))
}

/** A refusal ends up in terminals and logs, so it repeats no secret. */
const isSecret = (key: string) => key === 'secrets' || key === 'credentials' || key === 'password'
const cut = (text: string) => (text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text)
const quoted = (name: string) => `"${name}"`
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1)
