/**
 * What the operator offers instead of the sizes into which a machine is cut by itself: names, prices and limits from
 * `hardware.json`, around any driver.
 *
 * The file is looked at again when it changed, so that an edit needs no restart. One that is wrong stops a start, and
 * later leaves what was good before, with a notice that says what is wrong.
 */
import { readFile, stat } from 'node:fs/promises'
import { describeProblem, HardwareFile, type HardwareType } from '@berth/contract'
import { messageOf, PlatformError } from '../domain/errors.ts'
import type { InstanceType } from '../domain/instance-type.ts'
import { GIBIBYTE } from '../domain/memory-ledger.ts'
import type { Capacity, RuntimeDriver } from './driver.ts'

/**
 * @param runtimes of this installation; the first is taken by a type that names none.
 * @throws PlatformError `invalid` that names the field when the file is there and wrong.
 */
export async function withOfferedHardware(
  driver: RuntimeDriver,
  file: string,
  runtimes: readonly string[],
): Promise<RuntimeDriver> {
  const offered = new OfferedHardware(file, runtimes)
  await offered.read()
  return {
    name: driver.name,
    start: (spec) => driver.start(spec),
    stop: (id, options) => driver.stop(id, options),
    list: () => driver.list(),
    logs: (id, options) => driver.logs(id, options),
    output: (id, options) => driver.output(id, options),
    stats: (id) => driver.stats(id),
    capacity: async () => offered.applied(await driver.capacity()),
    onChange: (listener) => driver.onChange(listener),
    close: () => driver.close(),
  }
}

class OfferedHardware {
  readonly #file: string
  readonly #runtimes: readonly string[]
  #changedAt: number | undefined
  #good: HardwareFile | undefined
  #problem: string | undefined

  constructor(file: string, runtimes: readonly string[]) {
    this.#file = file
    this.#runtimes = runtimes
  }

  async read(): Promise<void> {
    const changedAt = await changeOf(this.#file)
    if (changedAt === this.#changedAt) return
    this.#changedAt = changedAt
    this.#problem = undefined
    if (changedAt === undefined) this.#good = undefined
    else this.#good = parseHardware(await readFile(this.#file, 'utf8'), this.#file, this.#runtimes)
  }

  async applied(capacity: Capacity): Promise<Capacity> {
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
  const ids = result.data.instanceTypes.map((type) => instanceTypeOf(type).id)
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

export function instanceTypeOf(type: HardwareType, usualRuntime?: string): InstanceType {
  const { vendor, region, instanceType, instanceSize, architecture, pricePerHour, status } = type
  const { vcpus, memoryGb, gpus, regionLabel, maxAccelerators, aliases } = type
  return {
    id: `${vendor}-${region}-${instanceType}-${instanceSize}`,
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
