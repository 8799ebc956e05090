/** What is in the memory of each GPU of this machine, as its driver says. */
import { messageOf, PlatformError } from '../domain/errors.ts'
import { numbersIn, queryGpus } from './nvidia-smi.ts'

export type GpuMemory = { readonly index: number; readonly usedBytes: number; readonly totalBytes: number }

const TIMEOUT_MS = 10_000
const MEBIBYTE = 2 ** 20
/** What the driver itself and a desktop take; an engine takes nearly all. */
const FREE_SHARE = 0.1
const FREE_BYTES = 2 ** 30

/** Whether a program works on it. */
export function isOccupied({ usedBytes, totalBytes }: GpuMemory): boolean {
  return usedBytes > Math.max(FREE_BYTES, totalBytes * FREE_SHARE)
}

/** @throws PlatformError `unavailable` when it cannot be asked. */
export async function readGpuMemory(program = 'nvidia-smi'): Promise<readonly GpuMemory[]> {
  try {
    return parseGpuMemory(await queryGpus(program, ['index', 'memory.used', 'memory.total'], TIMEOUT_MS))
  } catch (cause) {
    throw new PlatformError(
      'unavailable',
      `Whether GPUs are free cannot be found out, since ${program} failed: ${messageOf(cause).trim()}`,
      { reason: 'gpu_taken', cause },
    )
  }
}

/** Lines like `0, 140312, 143771` in MiB; a GPU that does not say, as those that share the processor's memory, is left out. */
export function parseGpuMemory(csv: string): readonly GpuMemory[] {
  return numbersIn(csv).map(([index, used, total]) => ({
    index,
    usedBytes: used * MEBIBYTE,
    totalBytes: total * MEBIBYTE,
  }))
}
