/** Says in words for a person how a replica ended. */
import { gibibytes } from '../../domain/memory-ledger.ts'

/** What the parent of a process is told; a process that is not ours to wait for tells nothing. */
export type ProcessEnd = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

export const MACHINE_RESTARTED = 'the machine restarted'
export const ENDED_UNWATCHED = 'ended while nobody watched'
/** The system tells an exit code to the parent only, and that was an earlier control process. */
export const ENDED_ADOPTED = 'ended; its exit code is unknown, since an earlier control process started it'

export function exitReason(
  end: ProcessEnd | undefined,
  memory: { readonly ranOut: boolean; readonly limitBytes: number },
  otherwise: string,
): string {
  // A program may lose a helper to the limit and still end well.
  if (memory.ranOut && end?.code !== 0) return `used more than its ${gibibytes(memory.limitBytes)} of memory`
  if (end?.signal) return `killed by ${end.signal}`
  if (end && end.code !== null) return `exited with code ${end.code}`
  return otherwise
}
