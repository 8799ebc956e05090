/**
 * Takes in what the gateways say was used: stored once, then acknowledged, then handed on.
 *
 * A batch is named by its gateway and its number. A gateway sends again what it was not told is stored, so a batch
 * may come twice and is counted once: its number and its sums are written in one transaction. Whoever else wants the
 * records (time series, arrivals, meters) is a consumer, and hears of each record once while this process lives.
 */
import { messageOf } from '../../domain/errors.ts'
import type { UsageRecord } from '../../domain/usage/usage-record.ts'
import { totalUsage } from '../../domain/usage/usage-totals.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import type { Store } from '../../store/store.ts'

export const USAGE_PERIOD_MS = 60 * 60_000
export const USAGE_KEPT_MS = 400 * 24 * 60 * 60_000
/** A gateway that was silent for so long does not come back under its old name. */
export const GATEWAY_KEPT_MS = 30 * 24 * 60 * 60_000
/** Batches that may wait for a store that is slow or away; beyond this the gateways keep them. */
const MAX_WAITING_BATCHES = 2_000
const BATCHES_PER_TRANSACTION = 100
const AFTER_FAILURE_MS = 1_000

export type UsageConsumer = (records: readonly UsageRecord[]) => void

export type UsageRooms = {
  readonly clock: Clock
  readonly log: Log
  readonly store: Store
  /** The batch is on the disk: its gateway may forget it. */
  acknowledge(gatewayId: string, sequence: number): void
  readonly consumers: readonly UsageConsumer[]
}

type Batch = {
  readonly gatewayId: string
  readonly sequence: number
  readonly records: readonly UsageRecord[]
}

export class UsageReception {
  readonly #rooms: UsageRooms
  readonly #closing = new AbortController()
  #waiting: Batch[] = []
  #storing: Promise<void> | undefined

  constructor(rooms: UsageRooms) {
    this.#rooms = rooms
  }

  receive(gatewayId: string, sequence: number, records: readonly UsageRecord[]): void {
    if (this.#waiting.length >= MAX_WAITING_BATCHES) return
    this.#waiting.push({ gatewayId, sequence, records })
    this.#storing ??= this.#storeAll().finally(() => {
      this.#storing = undefined
    })
  }

  /** Forgets what is too old to be asked for. */
  async prune(): Promise<void> {
    const now = this.#rooms.clock.now()
    await this.#rooms.store.usage.prune({
      periodsBefore: now - USAGE_KEPT_MS,
      gatewaysBefore: now - GATEWAY_KEPT_MS,
    })
  }

  /** Stores what has arrived, once more if need be, and takes nothing else. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#storing
  }

  async #storeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batches = this.#waiting.slice(0, BATCHES_PER_TRANSACTION)
      try {
        const fresh = await this.#store(batches)
        this.#waiting = this.#waiting.slice(batches.length)
        for (const { gatewayId, sequence } of batches) this.#rooms.acknowledge(gatewayId, sequence)
        this.#handOn(fresh.flatMap(({ records }) => records))
      } catch (error) {
        this.#rooms.log.error('usage could not be stored', {
          batches: batches.length,
          error: messageOf(error),
        })
        if (this.#closing.signal.aborted) return
        await this.#rooms.clock.sleep(AFTER_FAILURE_MS, this.#closing.signal).catch(() => {})
      }
    }
  }

  /** @returns those that were not stored before. */
  async #store(batches: readonly Batch[]): Promise<Batch[]> {
    const at = this.#rooms.clock.now()
    return this.#rooms.store.transaction(async ({ usage }) => {
      const fresh: Batch[] = []
      for (const batch of batches) {
        const { gatewayId, sequence } = batch
        if (await usage.claimBatch({ gatewayId, sequence, at })) fresh.push(batch)
      }
      const records = fresh.flatMap((batch) => batch.records)
      await usage.add(totalUsage(records, USAGE_PERIOD_MS))
      return fresh
    })
  }

  #handOn(records: readonly UsageRecord[]): void {
    if (records.length === 0) return
    for (const consume of this.#rooms.consumers) {
      try {
        consume(records)
      } catch (error) {
        this.#rooms.log.error('a consumer of usage failed', { error: messageOf(error) })
      }
    }
  }
}
