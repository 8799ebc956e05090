/** Who the gateway's workers are: each leaves a record of itself, and whoever comes later finds it by that. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { processTableOf } from './runtime/process/process-table.ts'

export type GatewayRecord = {
  readonly gatewayId: string
  /** Its number, from 0; while one takes another's place, both have it. */
  readonly worker: number
  readonly pid: number
  /** The kernel's: with the pid it names this process and no later one of the same number. */
  readonly startTime: string
  readonly startedAt: number
  readonly url: string
  readonly host: string
  readonly port: number
  /** What it was started with, as one word: who was started with something else is to be replaced. */
  readonly settings: string
}

const processTable = processTableOf(process.platform)

const fileOf = (directory: string, gatewayId: string) => path.join(directory, `${gatewayId}.json`)

/** A reader finds all of it or none. */
export async function writeRecord(directory: string, record: GatewayRecord): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const file = fileOf(directory, record.gatewayId)
  await writeFile(`${file}.new`, `${JSON.stringify(record)}\n`, { mode: 0o600 })
  await rename(`${file}.new`, file)
}

export async function removeRecord(directory: string, gatewayId: string): Promise<void> {
  await rm(fileOf(directory, gatewayId), { force: true })
}

/** Of those that live; what others left behind is removed. */
export async function livingGateways(directory: string): Promise<readonly GatewayRecord[]> {
  const names = await readdir(directory).catch(() => [])
  const records = await Promise.all(
    names.filter((name) => name.endsWith('.json')).map((name) => readIfLiving(path.join(directory, name))),
  )
  return records.filter((record) => record !== undefined).toSorted((a, b) => a.startedAt - b.startedAt)
}

export async function isAlive({ pid, startTime }: GatewayRecord): Promise<boolean> {
  return (await processTable.find(pid))?.startTime === startTime
}

export const startTimeOf = async (pid: number) => (await processTable.find(pid))?.startTime ?? ''

async function readIfLiving(file: string): Promise<GatewayRecord | undefined> {
  const record = await readFile(file, 'utf8').then(
    (text) => JSON.parse(text) as GatewayRecord,
    () => undefined,
  )
  if (record && (await isAlive(record))) return record
  await rm(file, { force: true })
  // By which the others would look for it.
  for (const ending of ['sock', 'http']) await rm(file.replace(/json$/, ending), { force: true })
  return undefined
}
