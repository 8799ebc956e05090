/** Which replica gets a request, for the gateway's table: what the choice costs, and what it is worth on recorded traffic. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { folder } from './gateway-proxies.ts'
import { atLeast, plain, type Row } from './report.ts'

const ROOT = path.join(import.meta.dirname, '..')
/** So many replicas are busy for 80 % by each. */
const REPLICAS: Readonly<Record<string, number>> = { 'mooncake-conversation': 17, 'azure-2023-conv': 7 }
/** Points that the best of the other ways may be ahead. */
const BEHIND = 0.5

/** The rows that hold a goal. */
export function decision(): Row[] {
  return (said('bench/routing.ts') as Row[]).filter(({ goal }) => goal !== null)
}

type Compared = {
  readonly trace: string
  readonly rows: readonly {
    readonly name: string
    readonly isOurs: boolean
    readonly outcome: { readonly attainment: number }
  }[]
}

/** @param directory with the files of recorded traffic, as `npm run simulate -- --routing --trace FILE` takes them. */
export function traces(directory: string): Row[] {
  return readdirSync(directory).flatMap((file) => {
    const replicas = REPLICAS[path.parse(file).name]
    if (replicas === undefined) return []
    const args = ['--routing', '--replicas', String(replicas), '--trace', path.join(directory, file)]
    return (said('packages/simulator/src/simulate-main.ts', ...args) as Compared[]).flatMap(rowsOf)
  })
}

function rowsOf({ trace, rows }: Compared): Row[] {
  const kept = (isOurs: boolean) =>
    Math.max(...rows.filter((row) => row.isOurs === isOurs).map(({ outcome }) => 100 * outcome.attainment))
  return [
    plain(`${trace}: promises kept, Berth`, kept(true), '%'),
    plain(`${trace}: promises kept, the best of ${rows.length - 1} other choices`, kept(false), '%'),
    atLeast(`${trace}: Berth less the best other`, kept(true) - kept(false), 'points', -BEHIND),
  ]
}

function said(program: string, ...args: readonly string[]): unknown {
  const file = path.join(folder, 'rows.json')
  execFileSync(process.execPath, [path.join(ROOT, program), ...args, '--json', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return JSON.parse(readFileSync(file, 'utf8'))
}
