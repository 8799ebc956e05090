/**
 * Usage on its way to the control process: kept until that has said that it is stored.
 *
 * Records leave in numbered batches. After a break of the link every batch that was not acknowledged is sent again
 * under its number, so the control process can tell what it has. Memory is bounded: while nobody takes them, the
 * oldest records are given up and counted.
 */
import type { UsageRecord } from '../domain/usage/usage-record.ts'
import type { UpMessage } from '../link/messages.ts'

type UsageBatch = Extract<UpMessage, { kind: 'usage' }>

type SpoolLimits = {
  /** Records in one batch. */
  readonly usageBatchRecords: number
  /** Records kept altogether; about 200 bytes each. */
  readonly usageSpoolRecords: number
}

export class UsageSpool {
  readonly #limits: SpoolLimits
  readonly #send: (batch: UsageBatch) => void
  readonly #unacknowledged = new Map<number, UsageBatch>()
  #fresh: UsageRecord[] = []
  #sequence = 0
  #kept = 0
  #dropped = 0
  #sayEmpty = () => {}

  constructor(limits: SpoolLimits, send: (batch: UsageBatch) => void) {
    this.#limits = limits
    this.#send = send
  }

  get kept(): number {
    return this.#kept
  }

  /** Records given up since the start. */
  get dropped(): number {
    return this.#dropped
  }

  add(record: UsageRecord): void {
    this.#fresh.push(record)
    this.#kept++
    if (this.#kept > this.#limits.usageSpoolRecords) this.#dropOldest()
  }

  /** Sends what came since the last call. */
  flush(): void {
    const { usageBatchRecords: batchRecords } = this.#limits
    for (let from = 0; from < this.#fresh.length; from += batchRecords) {
      const records = this.#fresh.slice(from, from + batchRecords)
      const batch: UsageBatch = { kind: 'usage', sequence: ++this.#sequence, records }
      this.#unacknowledged.set(batch.sequence, batch)
      this.#send(batch)
    }
    this.#fresh = []
  }

  /** For a control process that just connected. */
  sendAgain(): void {
    for (const batch of this.#unacknowledged.values()) this.#send(batch)
    this.flush()
  }

  acknowledged(sequence: number): void {
    const batch = this.#unacknowledged.get(sequence)
    if (!batch) return
    this.#unacknowledged.delete(sequence)
    this.#kept -= batch.records.length
    if (this.#kept === 0) this.#sayEmpty()
  }

  /** Resolves when everything has been acknowledged. */
  async emptied(): Promise<void> {
    if (this.#kept === 0) return
    await new Promise<void>((resolve) => {
      this.#sayEmpty = resolve
    })
  }

  /** A whole batch at a time, so that dropping costs nothing per record. */
  #dropOldest(): void {
    const [oldest] = this.#unacknowledged.values()
    if (oldest) this.#unacknowledged.delete(oldest.sequence)
    const given = oldest?.records ?? this.#fresh.splice(0, this.#limits.usageBatchRecords)
    this.#kept -= given.length
    this.#dropped += given.length
  }
}
