/**
 * What the gateway has seen of each endpoint's traffic, and the page on which it says so.
 *
 * An endpoint has numbers from its first request until it is deleted, and only endpoints of the routing table ever
 * have any: nothing that a caller sends can add a row.
 */

import type { FallbackReason } from '@berth/contract'
import type { LimitKind } from '../domain/limits/usage-limits.ts'
import type { EndpointId } from '../domain/replica.ts'
import type { UsageRecord } from '../domain/usage/usage-record.ts'
import type { RoutedEndpoint } from '../link/messages.ts'
import { Histogram, type Labels, MetricsPage } from '../platform/prometheus.ts'
import { keyOf } from './routing-table.ts'

const DURATION_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900]
const FIRST_TOKEN_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const INTER_TOKEN_SECONDS = [0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 5]
const HOLD_SECONDS = [0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600]

const LIMIT_KINDS = ['requests', 'tokens', 'concurrency', 'body'] as const satisfies readonly LimitKind[]

export class EndpointTraffic {
  /** By hundreds of the status. */
  readonly byStatusClass: number[] = [0, 0, 0, 0, 0, 0]
  readonly duration = new Histogram(DURATION_SECONDS)
  readonly hold = new Histogram(HOLD_SECONDS)
  readonly firstToken = new Histogram(FIRST_TOKEN_SECONDS)
  readonly interToken = new Histogram(INTER_TOKEN_SECONDS)
  readonly refused: Record<LimitKind, number> = { requests: 0, tokens: 0, concurrency: 0, body: 0 }
  readonly cache = { hit: 0, miss: 0 }
  /** Requests that went to the fallback, by why. */
  readonly fallback: Record<FallbackReason, number> = { cold: 0, overloaded: 0, failed: 0 }
  inputTokens = 0
  outputTokens = 0
  cachedTokens = 0
  estimated = 0
  receivedBytes = 0
  sentBytes = 0

  refuse(kind: LimitKind): void {
    this.refused[kind]++
    this.byStatusClass[4]! += 1
  }

  count(record: UsageRecord): void {
    this.byStatusClass[Math.floor(record.status / 100)]! += 1
    this.duration.observe(record.durationMs / 1_000)
    if (record.heldMs > 0) this.hold.observe(record.heldMs / 1_000)
    if (record.firstTokenMs !== null) this.firstToken.observe(record.firstTokenMs / 1_000)
    this.inputTokens += record.inputTokens
    this.outputTokens += record.outputTokens
    this.cachedTokens += record.cachedTokens
    if (record.isEstimated) this.estimated++
  }
}

/** Numbers of this moment, which others keep. */
export type Present = {
  readonly inFlight: (id: EndpointId) => number
  readonly waiting: (id: EndpointId) => number
  readonly openRequests: number
  readonly keptBodyBytes: number
  readonly prefixBytes: number
  readonly cacheBytes: number
  readonly spooledRecords: number
  readonly droppedRecords: number
  readonly isConnected: boolean
}

export class Traffic {
  readonly #byEndpoint = new Map<EndpointId, EndpointTraffic>()

  of(id: EndpointId): EndpointTraffic {
    let traffic = this.#byEndpoint.get(id)
    if (!traffic) {
      traffic = new EndpointTraffic()
      this.#byEndpoint.set(id, traffic)
    }
    return traffic
  }

  forget(id: EndpointId): void {
    this.#byEndpoint.delete(id)
  }

  /** @param endpoints those that the reader may know of. */
  page(endpoints: readonly RoutedEndpoint[], present: Present): string {
    const page = new MetricsPage()
    const seen = endpoints.flatMap((endpoint) => {
      const traffic = this.#byEndpoint.get(endpoint.id)
      return traffic ? [{ id: endpoint.id, labels: { endpoint: keyOf(endpoint) }, traffic }] : []
    })
    const each = <T>(value: (traffic: EndpointTraffic, id: EndpointId) => T) =>
      seen.map(({ labels, traffic, id }) => [labels, value(traffic, id)] as const)

    writeRequests(page, seen, present)
    page.counter(
      'berth_gateway_estimated_requests_total',
      'Requests whose tokens the engine did not say, so that they were estimated.',
      each((traffic) => traffic.estimated),
    )
    page.histogram(
      'berth_gateway_request_duration_seconds',
      'From the arrival of a request to the end of its answer.',
      each((traffic) => traffic.duration),
    )
    page.histogram(
      'berth_gateway_hold_seconds',
      'How long requests waited for a replica, those that waited at all.',
      each((traffic) => traffic.hold),
    )
    page.histogram(
      'berth_gateway_time_to_first_token_seconds',
      "From a replica's getting a request to the first token of its stream.",
      each((traffic) => traffic.firstToken),
    )
    page.histogram(
      'berth_gateway_inter_token_seconds',
      'Time between the tokens of a stream.',
      each((traffic) => traffic.interToken),
    )
    writeProcess(page, present)
    return page.text
  }
}

type Seen = { readonly id: EndpointId; readonly labels: Labels; readonly traffic: EndpointTraffic }

function writeRequests(page: MetricsPage, seen: readonly Seen[], present: Present): void {
  const split = (
    label: string,
    values: (traffic: EndpointTraffic) => readonly (readonly [string, number])[],
  ) =>
    seen.flatMap(({ labels, traffic }) =>
      values(traffic).map(([name, value]) => [{ ...labels, [label]: name }, value] as const),
    )
  page.counter(
    'berth_gateway_requests_total',
    'Requests answered, by the class of their status.',
    split('status', (traffic) =>
      traffic.byStatusClass.flatMap((count, hundreds) => (count > 0 ? [[`${hundreds}xx`, count]] : [])),
    ),
  )
  page.gauge(
    'berth_gateway_requests_in_flight',
    'Requests on a replica now.',
    seen.map(({ id, labels }) => [labels, present.inFlight(id)]),
  )
  page.gauge(
    'berth_gateway_requests_waiting',
    'Requests that wait for a replica now.',
    seen.map(({ id, labels }) => [labels, present.waiting(id)]),
  )
  page.counter(
    'berth_gateway_limit_refusals_total',
    'Requests refused because a limit of their token or endpoint was reached.',
    split('limit', ({ refused }) => LIMIT_KINDS.map((kind) => [kind, refused[kind]])),
  )
  page.counter(
    'berth_gateway_fallback_requests_total',
    'Requests that were given to the fallback, by the reason.',
    split('reason', ({ fallback }) => Object.entries(fallback).filter(([, count]) => count > 0)),
  )
  page.counter(
    'berth_gateway_cache_requests_total',
    'Requests that were answered from the cache, or could have been.',
    split('result', ({ cache }) =>
      cache.hit + cache.miss === 0
        ? []
        : [
            ['hit', cache.hit],
            ['miss', cache.miss],
          ],
    ),
  )
  page.counter(
    'berth_gateway_tokens_total',
    'Tokens that engines read and wrote; cached is the part of the input that was not computed again.',
    split('kind', ({ inputTokens, outputTokens, cachedTokens }) => [
      ['input', inputTokens],
      ['output', outputTokens],
      ['cached', cachedTokens],
    ]),
  )
  page.counter(
    'berth_gateway_body_bytes_total',
    'Bytes of bodies received from clients and sent to them.',
    split('direction', ({ receivedBytes, sentBytes }) => [
      ['received', receivedBytes],
      ['sent', sentBytes],
    ]),
  )
}

function writeProcess(page: MetricsPage, present: Present): void {
  const { user, system } = process.cpuUsage()
  const one = (value: number) => [[{}, value]] as const
  page.gauge(
    'berth_gateway_open_requests',
    'Requests of any kind that are being answered or held.',
    one(present.openRequests),
  )
  page.gauge('berth_gateway_kept_body_bytes', 'Request bodies kept in memory.', one(present.keptBodyBytes))
  page.gauge(
    'berth_gateway_prefix_memory_bytes',
    'What is kept of prompts, so that those with a common beginning meet.',
    one(present.prefixBytes),
  )
  page.gauge('berth_gateway_cache_bytes', 'Answers kept to be given again.', one(present.cacheBytes))
  page.gauge(
    'berth_gateway_usage_records_spooled',
    'Usage records that the control process has not acknowledged.',
    one(present.spooledRecords),
  )
  page.counter(
    'berth_gateway_usage_records_dropped_total',
    'Usage records given up because the control process was away for too long.',
    one(present.droppedRecords),
  )
  page.gauge(
    'berth_gateway_control_connected',
    'Workers that are connected to the control process.',
    one(present.isConnected ? 1 : 0),
  )
  page.gauge('berth_gateway_workers', 'Workers of the gateway that answered for this page.', one(1))
  page.gauge('process_resident_memory_bytes', 'Resident memory.', one(process.memoryUsage.rss()))
  page.counter('process_cpu_seconds_total', 'User and system time.', one((user + system) / 1_000_000))
}
