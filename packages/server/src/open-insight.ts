/** Puts insight together: what takes in what the gateways and the runtime tell, and what answers about it. */
import { messageOf } from './domain/errors.ts'
import type { EndpointId, Replica } from './domain/replica.ts'
import { ArrivalLog } from './insight/arrivals/arrival-log.ts'
import { EndpointTotals } from './insight/endpoint-totals.ts'
import { LogArchive } from './insight/logs/log-archive.ts'
import { LogKeeper } from './insight/logs/log-keeper.ts'
import { Observer } from './insight/observer.ts'
import { pruneEvents } from './insight/prune-events.ts'
import { TimeSeries } from './insight/series/time-series.ts'
import { UsageReception, type UsageRooms } from './insight/usage/usage-reception.ts'
import type { ConnectedGateway, UpMessage } from './link/messages.ts'
import type { Clock } from './platform/clock.ts'
import { EventLoopLag } from './platform/event-loop.ts'
import type { Home } from './platform/home.ts'
import { hourly } from './platform/hourly.ts'
import type { Log } from './platform/log.ts'
import type { RuntimeDriver } from './runtime/driver.ts'
import type { Store } from './store/store.ts'

export type InsightParts = {
  readonly home: Home
  readonly clock: Clock
  readonly log: Log
  readonly store: Store
  readonly driver: RuntimeDriver
  readonly acknowledge: UsageRooms['acknowledge']
}

export type Insight = {
  readonly arrivals: ArrivalLog
  readonly series: TimeSeries
  readonly totals: EndpointTotals
  readonly observer: Observer
  readonly logs: LogArchive
  readonly eventLoopLag: EventLoopLag
  /** From a gateway. */
  receive(from: ConnectedGateway, message: UpMessage): void
  /** From the reconciler. */
  looked(id: EndpointId, replicas: readonly Replica[]): void
  /** The endpoint was deleted. */
  forgotten(id: EndpointId): void
  /** Looks, writes and tidies until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>
  /** Writes down what has arrived, the last words of replicas that were stopped included. */
  close(): Promise<void>
}

export function openInsight({ home, clock, log, store, driver, acknowledge }: InsightParts): Insight {
  const series = new TimeSeries({ directory: home.series, clock, log })
  const totals = new EndpointTotals()
  const arrivals = new ArrivalLog({ directory: home.arrivals, clock, log })
  const look: TimeSeries['look'] = (...what) => series.look(...what)
  const observer = new Observer({ clock, log, driver, look })
  const consumers = [
    (records: Parameters<TimeSeries['count']>[0]) => series.count(records),
    (records: Parameters<EndpointTotals['count']>[0]) => totals.count(records),
    (records: Parameters<ArrivalLog['count']>[0]) => arrivals.count(records),
  ]
  const usage = new UsageReception({ clock, log, store, acknowledge, consumers })
  const logs = new LogArchive(home.logArchive, clock)
  const keeper = new LogKeeper({ clock, log, driver, archive: logs })
  const eventLoopLag = new EventLoopLag(clock)

  return {
    arrivals,
    series,
    totals,
    observer,
    logs,
    eventLoopLag,
    receive: (from, message) => {
      if (message.kind === 'usage') usage.receive(from.id, message.sequence, message.records)
      if (message.kind === 'demand') {
        for (const demand of message.endpoints) observer.demand(from.id, demand)
      }
    },
    looked: (id, replicas) => {
      observer.looked(id, replicas)
      keeper.see(replicas.map((replica) => ({ id: replica.id, endpointId: id })))
    },
    forgotten: (id) => {
      observer.forgotten(id)
      totals.forget(id)
      for (const forgotten of [series.forget(id), logs.forget(id), arrivals.forget(id)]) {
        forgotten.catch((error) =>
          log.warn('what a deleted endpoint left stays', { error: messageOf(error) }),
        )
      }
    },
    run: async (signal) => {
      const prune = () => Promise.all([usage.prune(), logs.prune(), pruneEvents(store, clock)])
      await Promise.all([
        series.run(signal),
        arrivals.run(signal),
        observer.run(signal),
        keeper.run(signal),
        hourly(prune, { clock, log, signal }),
      ])
    },
    close: async () => {
      await Promise.all([usage.close(), keeper.close()])
      await Promise.all([series.flush({ all: true }), arrivals.flush()])
      eventLoopLag.close()
    },
  }
}
