/** Columns of plain text for a person to read. */

/** Aligns the columns; the last one may be of any length. Nothing for no rows. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows]
  const widths = header.map((_, column) => Math.max(...lines.map((line) => displayWidth(line[column] ?? ''))))
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell + ' '.repeat(Math.max(0, widths[column]! - displayWidth(cell))))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** `label  value` lines; a value of several lines stays in its column; an empty one is left out. */
export function facts(
  entries: readonly (readonly [label: string, value: string | null | undefined])[],
): string {
  const shown = entries.filter((entry): entry is readonly [string, string] => Boolean(entry[1]))
  const width = Math.max(0, ...shown.map(([label]) => label.length))
  return shown
    .map(
      ([label, value]) => `${label.padEnd(width)}  ${value.replaceAll('\n', `\n${' '.repeat(width + 2)}`)}`,
    )
    .join('\n')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what a colour begins with
const COLOUR = /\u001b\[\d+m/g
const displayWidth = (text: string) => [...text.replace(COLOUR, '')].length

export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const unit = Math.min(units.length - 1, count < 1_000 ? 0 : Math.floor(Math.log10(count) / 3))
  return `${(count / 1_000 ** unit).toFixed(unit === 0 ? 0 : 1)} ${units[unit]}`
}

export function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1_000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`
}
