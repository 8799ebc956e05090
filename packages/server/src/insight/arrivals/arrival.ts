/**
 * One request as it is remembered for what-if: when it came, how large it was, how it fared. Nothing of its content.
 *
 * As a row of nine numbers of four bytes, so that a file that a kill cut off is whole up to its last row.
 */
import type { ReplicaId } from '../../domain/replica.ts'
import { CLIENT_LEFT_STATUS, type UsageRecord } from '../../domain/usage/usage-record.ts'

export type Arrival = {
  readonly at: number
  readonly inputTokens: number
  readonly cachedTokens: number
  readonly outputTokens: number
  readonly heldMs: number
  readonly durationMs: number
  /** null for what was no stream. */
  readonly firstTokenMs: number | null
  readonly interTokenMs: number | null
  /** The same number for the same replica. */
  readonly replica: number
}

export const ROW_BYTES = 36
const LARGEST = 2 ** 32 - 1

/** What was refused for what it was has cost nothing, and would not elsewhere. */
export function isDemand({ status }: UsageRecord): boolean {
  return status < 400 || status >= 500 || status === CLIENT_LEFT_STATUS
}

/** @param dayBegins the time that the file's rows count from. */
export function writeRow(row: Buffer, record: UsageRecord, dayBegins: number): void {
  const whole = (value: number) => Math.min(LARGEST, Math.max(0, Math.round(value)))
  row.writeUInt32LE(whole(record.arrivedAt - dayBegins), 0)
  row.writeUInt32LE(whole(record.inputTokens), 4)
  row.writeUInt32LE(whole(record.cachedTokens), 8)
  row.writeUInt32LE(whole(record.outputTokens), 12)
  row.writeUInt32LE(whole(record.heldMs), 16)
  row.writeUInt32LE(whole(record.durationMs), 20)
  row.writeFloatLE(record.firstTokenMs ?? Number.NaN, 24)
  row.writeFloatLE(record.interTokenMs ?? Number.NaN, 28)
  row.writeUInt32LE(record.replicaId === null ? 0 : numberOf(record.replicaId), 32)
}

export function readRow(rows: Buffer, offset: number, dayBegins: number): Arrival {
  const orNull = (value: number) => (Number.isNaN(value) ? null : value)
  return {
    at: dayBegins + rows.readUInt32LE(offset),
    inputTokens: rows.readUInt32LE(offset + 4),
    cachedTokens: rows.readUInt32LE(offset + 8),
    outputTokens: rows.readUInt32LE(offset + 12),
    heldMs: rows.readUInt32LE(offset + 16),
    durationMs: rows.readUInt32LE(offset + 20),
    firstTokenMs: orNull(rows.readFloatLE(offset + 24)),
    interTokenMs: orNull(rows.readFloatLE(offset + 28)),
    replica: rows.readUInt32LE(offset + 32),
  }
}

/** FNV-1a; 0 stands for none. */
function numberOf(id: ReplicaId): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193)
  return hash >>> 0 || 1
}
