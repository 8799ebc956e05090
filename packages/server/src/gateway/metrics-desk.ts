/** What the gateway has counted, for whoever asks with a token: a page of all workers together. */
import { PlatformError } from '../domain/errors.ts'
import type { Caller } from './access.ts'
import type { Exchange } from './exchange.ts'
import { keyOf, type RoutingTable } from './routing-table.ts'
import type { Present, Traffic } from './traffic.ts'
import { legacyOf, sumPages } from './workers/sum-pages.ts'

type MetricsRooms = {
  readonly table: RoutingTable
  readonly traffic: Traffic
  readonly present: () => Present
  /** The page of those workers that left. */
  readonly legacy: () => string | undefined
  /** The pages of the other workers, of what is in these namespaces. */
  readonly askOthers: (namespaces: string) => Promise<readonly string[]>
}

export class MetricsDesk {
  readonly #rooms: MetricsRooms

  constructor(rooms: MetricsRooms) {
    this.#rooms = rooms
  }

  /**
   * Names of endpoints are nobody's business but their namespace's.
   * @throws PlatformError `unauthenticated` for whoever has no token.
   */
  async send(exchange: Exchange, caller: Caller): Promise<void> {
    if (caller.kind !== 'known') {
      const reason = caller.kind === 'rejected' ? caller.reason : 'Metrics need a token: send it as a bearer.'
      throw new PlatformError('unauthenticated', reason)
    }
    const { namespaces } = caller.grant
    const others = await this.#rooms.askOthers(namespaces.join(','))
    const pages = [this.page(new Set(namespaces)), ...others]
    exchange.sendText(200, 'text/plain; version=0.0.4; charset=utf-8', sumPages(pages))
  }

  /** What this worker has counted, and what those have that left. */
  page(namespaces: ReadonlySet<string>): string {
    const { table, traffic, present, legacy } = this.#rooms
    const endpoints = table.endpoints.filter(({ namespace }) => namespaces.has(namespace))
    const page = traffic.page(endpoints, present())
    const left = legacy()
    if (left === undefined) return page
    const names = new Set(endpoints.map(keyOf))
    return sumPages([page, legacyOf(left, (name) => names.has(name))])
  }

  /** For a worker that goes on from here. */
  get wholePage(): string {
    return this.page(new Set(this.#rooms.table.endpoints.map(({ namespace }) => namespace)))
  }
}
