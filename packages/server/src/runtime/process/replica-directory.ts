/**
 * What one replica leaves on disk, so that the next control process finds it again.
 *
 *     <directory>/<replica id>/
 *       record.json     what was asked for, written before anything is started; never the environment
 *       self-<boot>-<token>  the first process's report of who it is, written by that process (see `launch.ts`)
 *       exit.json       how it ended, written once by whoever saw it first
 *       work/           the replica's working directory and HOME
 *       tmp/            its TMPDIR
 *
 * Every file is written once and whole, so there is no state to keep in step. Which processes live is not written
 * here: only the process table knows that.
 */
import { randomBytes } from 'node:crypto'
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Resources } from '../../domain/instance-type.ts'
import type { EndpointId, ReplicaAddress, ReplicaId } from '../../domain/replica.ts'
import type { Role } from '../driver.ts'
import type { CgroupDirectories } from './cgroup.ts'

export type ReplicaRecord = {
  readonly id: ReplicaId
  readonly endpointId: EndpointId
  readonly endpoint: string
  readonly revision: number
  readonly resources: Resources
  readonly address: ReplicaAddress
  readonly startedAt: number
  readonly bootId: string
  /** Names the file of this one start, so that a start that was given up cannot report for the next. */
  readonly launchToken: string
  readonly cgroup: CgroupDirectories
  /** The GPUs it holds; null on a machine that has none. */
  readonly gpuIndexes: readonly number[] | null
  readonly role?: Role
}

export type ExitRecord = {
  readonly exitedAt: number
  readonly exitCode: number | null
  readonly reason: string
}

/** Directories that begin so belong to starts that were given up or replicas that are being removed. */
export const ABANDONED_PREFIX = '.abandoned-'

/** Replica ids name directories, so not every string may be one. */
export const isReplicaName = (name: string) => /^[a-z0-9][a-z0-9-]{0,62}$/.test(name)

type Launched = Pick<ReplicaRecord, 'bootId' | 'launchToken'>

const selfReportPrefix = (bootId: string) => `self-${bootId}-`

export const newLaunchToken = () => randomBytes(6).toString('hex')

export class ReplicaDirectory {
  readonly path: string

  constructor(parent: string, name: string) {
    this.path = path.join(parent, name)
  }

  get workPath(): string {
    return path.join(this.path, 'work')
  }

  get tmpPath(): string {
    return path.join(this.path, 'tmp')
  }

  selfReportFile({ bootId, launchToken }: Launched): string {
    return path.join(this.path, `${selfReportPrefix(bootId)}${launchToken}`)
  }

  async create(record: ReplicaRecord): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 })
    await Promise.all([
      mkdir(this.workPath, { recursive: true, mode: 0o700 }),
      mkdir(this.tmpPath, { recursive: true, mode: 0o700 }),
      this.#write('record.json', record, rename),
    ])
  }

  /** `undefined` if there is none, or none that can be understood. */
  async readRecord(): Promise<ReplicaRecord | undefined> {
    const value = await this.#read('record.json')
    return isReplicaRecord(value) ? value : undefined
  }

  /** Empty as long as the process has not come so far. */
  async readSelfReport(launched: Launched): Promise<string> {
    return readFile(this.selfReportFile(launched), 'utf8').catch(() => '')
  }

  /** Whatever was reported here since the machine started, for a directory whose record says nothing. */
  async readAllSelfReports(bootId: string): Promise<readonly string[]> {
    const names = await readdir(this.path).catch(() => [])
    const reports = names.filter((name) => name.startsWith(selfReportPrefix(bootId)))
    return Promise.all(reports.map((name) => readFile(path.join(this.path, name), 'utf8').catch(() => '')))
  }

  /** The first record stays: who saw the end knows more than who came later. @returns the one that stays. */
  async writeExit(exit: ExitRecord): Promise<ExitRecord> {
    await this.#write('exit.json', exit, link).catch((error: NodeJS.ErrnoException) => {
      // ENOENT: the replica was stopped meanwhile and nobody asks any more.
      if (error.code !== 'EEXIST' && error.code !== 'ENOENT') throw error
    })
    return (await this.readExit()) ?? exit
  }

  async readExit(): Promise<ExitRecord | undefined> {
    const value = await this.#read('exit.json')
    return isExitRecord(value) ? value : undefined
  }

  /** From here on a launch that has not reported yet cannot do so and ends by itself. */
  async abandon(): Promise<ReplicaDirectory> {
    const name = `${ABANDONED_PREFIX}${path.basename(this.path)}-${newLaunchToken()}`
    const moved = new ReplicaDirectory(path.dirname(this.path), name)
    await rename(this.path, moved.path)
    return moved
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true, maxRetries: 3 })
  }

  async #read(name: string): Promise<unknown> {
    try {
      return JSON.parse(await readFile(path.join(this.path, name), 'utf8'))
    } catch {
      return undefined
    }
  }

  async #write(
    name: string,
    value: object,
    publish: (from: string, to: string) => Promise<void>,
  ): Promise<void> {
    const temporary = path.join(this.path, `${name}.${newLaunchToken()}`)
    await writeFile(temporary, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 })
    try {
      await publish(temporary, path.join(this.path, name))
    } finally {
      await rm(temporary, { force: true })
    }
  }
}

function isReplicaRecord(value: unknown): value is ReplicaRecord {
  return (
    isObject(value) &&
    ['id', 'endpointId', 'endpoint', 'bootId', 'launchToken'].every(
      (key) => typeof value[key] === 'string',
    ) &&
    ['revision', 'startedAt'].every((key) => typeof value[key] === 'number') &&
    isObject(value['address']) &&
    typeof value['address']['port'] === 'number' &&
    isObject(value['resources']) &&
    Array.isArray(value['cgroup']) &&
    (value['gpuIndexes'] === null || Array.isArray(value['gpuIndexes']))
  )
}

function isExitRecord(value: unknown): value is ExitRecord {
  return isObject(value) && typeof value['exitedAt'] === 'number' && typeof value['reason'] === 'string'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
