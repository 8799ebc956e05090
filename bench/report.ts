/**
 * What every benchmark prints: a table for people, and rows for programs with `--json FILE`.
 */
import { writeFileSync } from 'node:fs'
import os from 'node:os'
import { parseArgs } from 'node:util'

export type Row = {
  readonly measure: string
  readonly value: number
  readonly unit: string
  /** What we want it to be, for example "≤ 50"; null where nothing was promised. */
  readonly goal: string | null
  readonly holds: boolean | null
}

/** A row whose goal is an upper bound. */
export function atMost(measure: string, value: number, unit: string, bound: number): Row {
  return { measure, value: rounded(value), unit, goal: `≤ ${bound}`, holds: value <= bound }
}

/** A row whose goal is a lower bound. */
export function atLeast(measure: string, value: number, unit: string, bound: number): Row {
  return { measure, value: rounded(value), unit, goal: `≥ ${bound}`, holds: value >= bound }
}

export function plain(measure: string, value: number, unit: string): Row {
  return { measure, value: rounded(value), unit, goal: null, holds: null }
}

export function report(title: string, rows: readonly Row[]): void {
  const { values } = parseArgs({ options: { json: { type: 'string' } }, strict: false })
  const cells = rows.map((row) => [
    row.measure,
    `${row.value} ${row.unit}`,
    row.goal ?? '',
    row.holds === null ? '' : row.holds ? 'holds' : 'MISSED',
  ])
  const header = ['measure', 'median', 'goal', '']
  const widths = header.map((_, i) => Math.max(...[header, ...cells].map((line) => line[i]!.length)))
  const line = (texts: readonly string[]) =>
    `| ${texts.map((text, i) => text.padEnd(widths[i]!)).join(' | ')} |`
  const machine = `${os.cpus().length} × ${os.cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}, ${os.platform()} ${os.release()}`
  console.log(`\n${title}\n${machine}\n`)
  console.log(
    [line(header), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...cells.map(line)].join(
      '\n',
    ),
  )
  if (typeof values['json'] === 'string') writeFileSync(values['json'], `${JSON.stringify(rows, null, 2)}\n`)
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

const rounded = (value: number) => Math.round(value * 1_000) / 1_000
