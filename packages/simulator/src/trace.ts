/**
 * A load: when requests arrive and how many tokens each has. Read from files that others recorded.
 *
 * By the file's ending and its first line: `.csv` with the columns `t_ms,input,output` (more are ignored), `.jsonl` with
 * the same names and `hash_ids`, the chain of 512-token blocks that a prefix cache may hold, and `.csv` with rates alone
 * (`rates.ts`), whose requests are made up.
 */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { isRates, requestsOfRates } from './rates.ts'

export type Trace = {
  readonly name: string
  /** Milliseconds from the start, ascending. */
  readonly at: Float64Array
  readonly input: Float64Array
  readonly output: Float64Array
  /** By request, the blocks of its prompt; null when the trace knows nothing of prefixes. */
  readonly blocks: readonly (readonly number[])[] | null
}

export type Row = { at: number; input: number; output: number; blocks?: readonly number[] }

/** @throws when the file is no trace. */
export function readTrace(path: string): Trace {
  const text = readFileSync(path, 'utf8')
  const rows = rowsOf(text, path)
  return traceOf(basename(path).replace(/\.(csv|jsonl)$/, ''), rows)
}

function rowsOf(text: string, path: string): Row[] {
  if (path.endsWith('.jsonl')) return rowsOfJson(text, path)
  return isRates(text) ? requestsOfRates(text, path) : rowsOfCsv(text, path)
}

export function traceOf(name: string, rows: readonly Row[]): Trace {
  const sorted = rows.toSorted((a, b) => a.at - b.at)
  const hasBlocks = sorted.some((row) => row.blocks)
  return {
    name,
    at: Float64Array.from(sorted, (row) => row.at),
    input: Float64Array.from(sorted, (row) => Math.max(1, row.input)),
    output: Float64Array.from(sorted, (row) => Math.max(1, row.output)),
    blocks: hasBlocks ? sorted.map((row) => row.blocks ?? []) : null,
  }
}

/** @returns the requests of the first `hours`. */
export function beginningOf(trace: Trace, hours: number): Trace {
  const end = trace.at.findIndex((at) => at >= hours * 3_600_000)
  if (end < 0) return trace
  const { name, at, input, output, blocks } = trace
  return {
    name,
    at: at.slice(0, end),
    input: input.slice(0, end),
    output: output.slice(0, end),
    blocks: blocks?.slice(0, end) ?? null,
  }
}

/** Whether a file's first line is that of a trace of requests. */
export function isTrace(path: string, firstLine: string): boolean {
  if (path.endsWith('.jsonl')) return firstLine.includes('"t_ms"')
  return path.endsWith('.csv') && (firstLine.startsWith('t_ms,input,output') || isRates(firstLine))
}

function rowsOfCsv(text: string, path: string): Row[] {
  const lines = text.split('\n')
  if (!isTrace(path, lines[0] ?? ''))
    throw new Error(`${path} begins neither with t_ms,input,output nor with t_s,rate_rps,mean_cv.`)
  const rows: Row[] = []
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i]!
    if (line === '') continue
    const first = line.indexOf(',')
    const second = line.indexOf(',', first + 1)
    const third = line.indexOf(',', second + 1)
    const at = Number(line.slice(0, first))
    const input = Number(line.slice(first + 1, second))
    const output = Number(line.slice(second + 1, third < 0 ? undefined : third))
    if (!(at >= 0 && input >= 0 && output >= 0)) throw new Error(`${path}, line ${i + 1}: not three numbers.`)
    rows.push({ at, input, output })
  }
  return rows
}

function rowsOfJson(text: string, path: string): Row[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line, index) => {
      const { t_ms: at, input, output, hash_ids: blocks } = JSON.parse(line)
      if (!(at >= 0 && input >= 0 && output >= 0)) throw new Error(`${path}, line ${index + 1}: no request.`)
      return { at, input, output, blocks: Array.isArray(blocks) ? blocks : [] }
    })
}
