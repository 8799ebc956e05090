/** Numbers as people read them. Pure; the same words as the command line. */

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

export function bytes(count: number): string {
  const power = Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3))
  const value = count / 1000 ** power
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${BYTE_UNITS[power]}`
}

/** Memory, as machines have it: powers of 1,024, which everybody calls GB. */
export function memory(count: number): string {
  const gigabytes = count / 2 ** 30
  if (gigabytes >= 100) return `${Math.round(gigabytes)} GB`
  if (gigabytes >= 1) return `${trimmed(gigabytes)} GB`
  return `${Math.round(count / 2 ** 20)} MB`
}

const trimmed = (value: number) => value.toFixed(1).replace(/\.0$/, '')

/** A price per hour; a machine of one's own may well be free. */
export function pricePerHour(dollars: number): string {
  return dollars === 0 ? 'free' : `${money(dollars)}/h`
}

export function money(dollars: number): string {
  const digits = dollars !== 0 && Math.abs(dollars) < 0.1 ? 4 : 2
  return `$${dollars.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: digits })}`
}

export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** "3 endpoints", "1 endpoint". */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`
}
