/**
 * What the operator offers instead of the sizes into which a machine is cut by itself: names, prices and limits from
 * `hardware.json`, around any driver.
 *
 * The file is the one place where they are kept, whether a person edits it or the API does. It is looked at again when
 * it changed, so that neither needs a restart. One that is wrong stops a start, and later leaves what was good before,
 * with a notice that says what is wrong.
 */
import { readFile, rename, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describeProblem, HardwareFile, type HardwareType, hardwareId } from '@berth/contract'
import { messageOf, PlatformError } from '../domain/errors.ts'
import type { InstanceType } from '../domain/instance-type.ts'
import { GIBIBYTE } from '../domain/memory-ledger.ts'
import type { Capacity, RuntimeDriver } from './driver.ts'

/** Without a file: what the machine is cut into, and so it stays when a first type of one's own is added. */
const NOTHING_OF_ONES_OWN: HardwareFile = { instanceTypes: [], includeMachine: true }
const NEVER_LOOKED = -1

/**
 * @param runtimes of this installation; the first is taken by a type that names none.
 * @throws PlatformError `invalid` that names the field when the file is there and wrong.
 */
export async function openOfferedHardware(
  file: string,
  runtimes: readonly string[],
): Promise<OfferedHardware> {
  const offered = new OfferedHardware(file, runtimes)
  await offered.read()
  return offered
}

export class OfferedHardware {
  readonly #file: string
  readonly #runtimes: readonly string[]
  #changedAt: number | undefined
  #good: HardwareFile | undefined
  #problem: string | undefined
  /** Changes are written one after another. */
  #writing: Promise<unknown> = Promise.resolve()

  constructor(file: string, runtimes: readonly string[]) {
    this.#file = file
    this.#runtimes = runtimes
  }

  /** The same driver with this hardware instead of, or beside, its own. */
  around(driver: RuntimeDriver): RuntimeDriver {
    return {
      name: driver.name,
      start: (spec) => driver.start(spec),
      prepare: (spec) => driver.prepare(spec),
      stop: (id, options) => driver.stop(id, options),
      list: () => driver.list(),
      logs: (id, options) => driver.logs(id, options),
      output: (id, options) => driver.output(id, options),
      stats: (id) => driver.stats(id),
      capacity: async () => this.#applied(await driver.capacity()),
      keepOnly: (endpoints) => driver.keepOnly(endpoints),
      onChange: (listener) => driver.onChange(listener),
      close: () => driver.close(),
    }
  }

  /** What the file says now. @throws PlatformError `invalid` that names the field when it is wrong. */
  async read(): Promise<HardwareFile> {
    const changedAt = await changeOf(this.#file)
    if (changedAt !== this.#changedAt || this.#problem !== undefined) {
      const text = changedAt === undefined ? undefined : await readFile(this.#file, 'utf8')
      this.#good = text === undefined ? undefined : parseHardware(text, this.#file, this.#runtimes)
      this.#changedAt = changedAt
      this.#problem = undefined
    }
    return this.#good ?? NOTHING_OF_ONES_OWN
  }

  /** Adds the type, or takes the place of the one with its name. */
  put(type: HardwareType): Promise<HardwareFile> {
    return this.#change((file) => {
      const id = hardwareId(type)
      const isThere = file.instanceTypes.some((one) => hardwareId(one) === id)
      const instanceTypes = isThere
        ? file.instanceTypes.map((one) => (hardwareId(one) === id ? type : one))
        : [...file.instanceTypes, type]
      return { ...file, instanceTypes }
    })
  }

  /** @throws PlatformError `not_found` with what there is. */
  remove(id: string): Promise<HardwareFile> {
    return this.#change((file) => {
      const instanceTypes = file.instanceTypes.filter((one) => hardwareId(one) !== id)
      if (instanceTypes.length < file.instanceTypes.length) return { ...file, instanceTypes }
      const here = file.instanceTypes.map(hardwareId).join(', ')
      throw new PlatformError(
        'not_found',
        `There is no instance type "${id}" of your own. There is: ${here || 'none'}. Those into which the machine is cut by itself go with includeMachine in ${path.basename(this.#file)}.`,
        { field: 'id' },
      )
    })
  }

  #change(change: (file: HardwareFile) => HardwareFile): Promise<HardwareFile> {
    const result = this.#writing.then(async () => {
      const changed = change(await this.read())
      const text = `${JSON.stringify(changed, null, 2)}\n`
      parseHardware(text, this.#file, this.#runtimes)
      const draft = `${this.#file}.new`
      await writeFile(draft, text, { mode: 0o600, flush: true })
      await rename(draft, this.#file)
      this.#changedAt = NEVER_LOOKED
      return this.read()
    })
    this.#writing = result.catch(() => {})
    return result
  }

  async #applied(capacity: Capacity): Promise<Capacity> {
    await this.read().catch((error: unknown) => {
      this.#problem = `${messageOf(error)} What it said before still holds.`
    })
    const notices = [...capacity.notices, ...(this.#problem ? [this.#problem] : [])]
    if (!this.#good) return { ...capacity, notices }
    const own = this.#good.instanceTypes.map((type) => instanceTypeOf(type, this.#runtimes[0]))
    const ids = new Set(own.map(({ id }) => id))
    const ofMachine = this.#good.includeMachine ? capacity.instanceTypes.filter(({ id }) => !ids.has(id)) : []
    return { ...capacity, instanceTypes: [...own, ...ofMachine], notices }
  }
}

/** @throws PlatformError `invalid` that names the field, the value and the rule. */
export function parseHardware(text: string, file: string, runtimes: readonly string[]): HardwareFile {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw wrong(file, `it is not JSON (${messageOf(error)})`)
  }
  const result = HardwareFile.safeParse(value)
  if (!result.success) {
    throw wrong(file, describeProblem(result.error, value, 'the file').message.replace(/\.$/, ''))
  }
  const ids = result.data.instanceTypes.map(hardwareId)
  const twice = ids.find((id, at) => ids.indexOf(id) !== at)
  if (twice) throw wrong(file, `it has "${twice}" twice`)
  const strange = result.data.instanceTypes.findIndex(
    ({ runtime }) => runtime !== undefined && !runtimes.includes(runtime),
  )
  if (strange !== -1) {
    const { runtime } = result.data.instanceTypes[strange]!
    throw wrong(
      file,
      `instanceTypes.${strange}.runtime is "${runtime}", and this Berth serves ${runtimes.join(' and ')} (--runtime)`,
    )
  }
  return result.data
}

export function instanceTypeOf(type: HardwareType, usualRuntime: string | undefined): InstanceType {
  const { vendor, region, instanceType, instanceSize, architecture, pricePerHour, status } = type
  const { vcpus, memoryGb, gpus, regionLabel, maxAccelerators, aliases } = type
  return {
    id: hardwareId(type),
    ...{ vendor, region, instanceType, instanceSize, architecture, pricePerHour, status },
    accelerator: gpus ? 'gpu' : 'cpu',
    cpus: vcpus,
    memoryBytes: Math.floor(memoryGb * GIBIBYTE),
    gpus: gpus?.count ?? 0,
    gpuMemoryBytes: gpus ? Math.floor(gpus.count * gpus.memoryGb * GIBIBYTE) : 0,
    ...{ regionLabel, maxAccelerators, aliases },
    runtime: type.runtime ?? usualRuntime,
  }
}

async function changeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).mtimeMs
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const wrong = (file: string, why: string) =>
  new PlatformError('invalid', `${file} cannot be used: ${why}. Correct it, or remove it.`, {
    reason: 'hardware_file',
  })
