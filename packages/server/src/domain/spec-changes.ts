/** What differs between two configurations, field by field. */
import type { Change } from '@berth/contract'

/** Objects are looked into; lists and everything else change as wholes. Fields come in the order of the newer one. */
export function specChanges(before: unknown, after: unknown, path = ''): Change[] {
  if (!isObject(before) || !isObject(after)) {
    return JSON.stringify(before) === JSON.stringify(after)
      ? []
      : [{ path, from: before ?? null, to: after ?? null }]
  }
  const fields = new Set([...Object.keys(after), ...Object.keys(before)])
  return [...fields].flatMap((field) =>
    specChanges(before[field], after[field], path === '' ? field : `${path}.${field}`),
  )
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
