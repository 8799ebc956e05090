/** The flags of `berth hardware add`, as an instance type in the words of hardware.json. */
import { readFile } from 'node:fs/promises'
import { describeProblem, HardwareType } from '@berth/contract'
import { usageError } from './exit.ts'

export type HardwareFlags = {
  readonly file?: string
  readonly vendor?: string
  readonly region?: string
  readonly vcpus?: string
  readonly memoryGb?: string
  readonly gpus?: string
  readonly gpuMemoryGb?: string
  readonly architecture?: string
  readonly price?: string
  readonly runtime?: string
  readonly status?: string
  readonly maxAccelerators?: string
  readonly alias?: readonly string[]
}

/** @param name `instanceType/instanceSize`. @throws CommandError that names the field, the value and the rule. */
export async function hardwareFrom(name: string | undefined, flags: HardwareFlags): Promise<HardwareType> {
  const written = flags.file === undefined ? fromFlags(name, flags) : await fromFile(flags.file)
  const result = HardwareType.safeParse(written)
  if (result.success) return result.data
  throw usageError(describeProblem(result.error, written, flags.file ?? 'the instance type').message)
}

function fromFlags(name: string | undefined, flags: HardwareFlags): object {
  const [instanceType, instanceSize] = name?.split('/') ?? []
  if (!instanceType || !instanceSize) {
    throw usageError(
      `${name === undefined ? 'No instance type is named' : `"${name}" is no instance type`}: write TYPE/SIZE, for example nvidia-l4/x1, or give --file.`,
    )
  }
  const { vendor = 'local', region = 'default', gpus, gpuMemoryGb, alias } = flags
  const { architecture = instanceType, runtime, status } = flags
  return {
    ...{ vendor, region, instanceType, instanceSize, architecture, runtime, status },
    vcpus: numberOf(flags.vcpus),
    memoryGb: numberOf(flags.memoryGb),
    ...(gpus !== undefined || gpuMemoryGb !== undefined
      ? { gpus: { count: numberOf(gpus ?? '1'), memoryGb: numberOf(gpuMemoryGb) } }
      : {}),
    pricePerHour: numberOf(flags.price),
    maxAccelerators: numberOf(flags.maxAccelerators),
    aliases: alias,
  }
}

/** What is no number is left to the contract, which says so. */
function numberOf(text: string | undefined): number | string | undefined {
  if (text === undefined) return undefined
  const number = Number(text)
  return text.trim() === '' || Number.isNaN(number) ? text : number
}

async function fromFile(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw usageError(`${file} cannot be read as JSON: ${error instanceof Error ? error.message : error}`)
  }
}
