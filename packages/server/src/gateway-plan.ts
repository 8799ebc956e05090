/**
 * Which workers the gateway should have next. Pure: one look, one plan.
 *
 * One worker's place is taken at a time, by an heir that has its socket before it leaves, so that at no moment
 * nobody listens and what waits in the socket's queue is never lost.
 */
import type { GatewayRecord } from './gateway-record.ts'

export type WorkerFacts = {
  readonly wanted: number
  /** What a worker should have been started with. */
  readonly settings: string
  /** Those that live, the oldest first. */
  readonly living: readonly GatewayRecord[]
  /** Numbers of workers that are being started, anew or as heirs. */
  readonly starting: ReadonlySet<number>
  /** Those that were told to leave. */
  readonly leaving: ReadonlySet<string>
  /** Those that are to be replaced whatever they were started with. */
  readonly outdated: ReadonlySet<string>
}

export type WorkerPlan = {
  readonly start: readonly number[]
  readonly replace: GatewayRecord | undefined
  readonly leave: readonly GatewayRecord[]
}

export function planWorkers(facts: WorkerFacts): WorkerPlan {
  const { wanted, living, starting, leaving } = facts
  const numbers = Array.from({ length: wanted }, (_, number) => number)
  const holders = numbers.map((number) => holderOf(number, facts))
  const keep = new Set(holders.map((holder) => holder?.gatewayId))
  const stale = holders.find((holder) => holder && isStale(holder, facts))
  return {
    start: numbers.filter((number) => !holders[number] && !starting.has(number)),
    replace: starting.size === 0 ? stale : undefined,
    leave: living.filter(({ gatewayId }) => !keep.has(gatewayId) && !leaving.has(gatewayId)),
  }
}

/** The newest that is as it should be, else the newest. */
function holderOf(number: number, facts: WorkerFacts): GatewayRecord | undefined {
  const own = facts.living.filter(
    ({ worker, gatewayId }) => worker === number && !facts.leaving.has(gatewayId),
  )
  return own.findLast((record) => !isStale(record, facts)) ?? own.at(-1)
}

const isStale = (record: GatewayRecord, { settings, outdated }: WorkerFacts) =>
  record.settings !== settings || outdated.has(record.gatewayId)
