/** Turns a refused value into one sentence that names the field, the value and the rule. */
import type { z } from 'zod'

export type Problem = { readonly field: string; readonly message: string }

/** The first thing wrong with `value` according to `error`; `root` names the value as a whole ("body"). */
export function describeProblem(error: z.ZodError, value: unknown, root: string): Problem {
  const issue = deepest(error.issues[0]!)
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    const names = issue.keys.map((key) => [...path, key].join('.'))
    return {
      field: names[0]!,
      message: `Unknown field ${names.map((name) => `"${name}"`).join(', ')}: remove it or check its spelling.`,
    }
  }
  const field = path.join('.') || root
  const found = path.reduce<unknown>((inner, key) => (isObject(inner) ? inner[key] : undefined), value)
  if (found === undefined) return { field, message: `${field} is missing: ${lowerFirst(issue.message)}.` }
  return { field, message: `${field} is ${shown(found)}: ${lowerFirst(issue.message)}.` }
}

/** A union reports one list of problems per member: the member that came furthest is the one that was meant. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return issue
  const inner = issue.errors
    .flatMap((issues) => issues.slice(0, 1))
    .toSorted((a, b) => b.path.length - a.path.length)[0]
  if (!inner) return issue
  return deepest({ ...inner, path: [...issue.path, ...inner.path] } as z.core.$ZodIssue)
}

const MAX_SHOWN = 80

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1)
