/** What `berth what-if` is told of an endpoint, put together from the rooms that know it. */
import { MAX_WHAT_IF_REQUESTS, type WhatIfFacts } from '@berth/contract'
import type { ApiServices } from './api/services.ts'
import type { ServiceParts } from './api-services.ts'
import { timestamp } from './control/endpoint-view.ts'
import { type EndpointRecord, endpointKey } from './domain/endpoint.ts'
import { PlatformError } from './domain/errors.ts'
import { chooseInstance } from './domain/instance-choice.ts'
import type { Arrival } from './insight/arrivals/arrival.ts'

const WEEK_MS = 7 * 24 * 60 * 60_000
const STARTS_TOLD = 20

export async function whatIfFacts(
  { control, insight }: ServiceParts,
  endpoint: EndpointRecord,
  query: Parameters<ApiServices['insight']['whatIf']>[1],
): Promise<WhatIfFacts> {
  const to = query.to === undefined ? control.clock.now() : Date.parse(query.to)
  const from = query.from === undefined ? to - WEEK_MS : Date.parse(query.from)
  if (from >= to) {
    throw new PlatformError('invalid', `from is ${query.from} and to is not after it: turn them round.`, {
      field: 'from',
    })
  }
  // One more than is told: whether there are more.
  const limit = MAX_WHAT_IF_REQUESTS + 1
  const found = await insight.arrivals.read(endpoint.id, { from, to, limit })
  const arrivals = found.slice(-MAX_WHAT_IF_REQUESTS)
  const complete = arrivals.length === found.length
  const start = complete ? from : arrivals[0]!.at
  return {
    start: timestamp(start),
    stop: timestamp(to),
    complete,
    scaling: endpoint.spec.compute.scaling,
    pricePerHour: await priceOf(control, endpoint),
    startMs: await startTimes(control, endpoint),
    requests: columnsOf(arrivals, start),
  }
}

function columnsOf(arrivals: readonly Arrival[], start: number): WhatIfFacts['requests'] {
  const column = (pick: (arrival: Arrival) => number | null) => arrivals.map(pick)
  return {
    atMs: column(({ at }) => at - start),
    inputTokens: column(({ inputTokens }) => inputTokens),
    cachedTokens: column(({ cachedTokens }) => cachedTokens),
    outputTokens: column(({ outputTokens }) => outputTokens),
    heldMs: column(({ heldMs }) => heldMs),
    durationMs: column(({ durationMs }) => durationMs),
    firstTokenMs: column(({ firstTokenMs }) => firstTokenMs),
    interTokenMs: column(({ interTokenMs }) => interTokenMs),
    replica: column(({ replica }) => replica),
  }
}

/** Hardware that is not offered any more has no price. */
async function priceOf({ driver }: ServiceParts['control'], endpoint: EndpointRecord): Promise<number> {
  const { instanceTypes } = await driver.capacity()
  try {
    return chooseInstance(endpoint.spec, instanceTypes).pricePerHour
  } catch (error) {
    if (error instanceof PlatformError) return 0
    throw error
  }
}

async function startTimes({ store }: ServiceParts['control'], endpoint: EndpointRecord): Promise<number[]> {
  const events = await store.events.list({
    endpoint: endpointKey(endpoint),
    from: endpoint.createdAt,
    kinds: ['replica.ready'],
    limit: STARTS_TOLD,
  })
  return events
    .toReversed()
    .flatMap(({ details }) => (typeof details?.['tookMs'] === 'number' ? details['tookMs'] : []))
}
