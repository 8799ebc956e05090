/** What models answer, as JSON has it. */

/** Tensors, big numbers and typed arrays as JSON has them. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (ArrayBuffer.isView(value)) return [...(value as unknown as Iterable<unknown>)].map(plain)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  if ('tolist' in value && typeof value.tolist === 'function') return plain(value.tolist())
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]))
}
