/** What the api asks of insight, put together from the rooms that know it. */
import type { ApiServices } from './api/services.ts'
import type { ServiceParts } from './api-services.ts'
import { endpointLogs } from './control/endpoint-logs.ts'
import { findEndpoint } from './control/endpoint-queries.ts'
import type { EndpointRecord } from './domain/endpoint.ts'
import { PlatformError } from './domain/errors.ts'

export function insightService({ control, changes }: ServiceParts): ApiServices['insight'] {
  const notYet = (): never => {
    throw new PlatformError('unsupported', 'This is not measured here.')
  }
  return {
    logs: async (name, { replica, tail, follow = false }, signal) => {
      const rooms = {
        ...control,
        changes: (endpoint: EndpointRecord, until: AbortSignal) => changes.of(endpoint.id, until),
      }
      const query = { ...(replica !== undefined && { replica }), ...(tail !== undefined && { tail }), follow }
      return endpointLogs(rooms, await findEndpoint(control, name), query, signal)
    },
    logLines: async () => notYet(),
    followLogLines: async () => notYet(),
    metrics: async () => notYet(),
    graphs: async () => notYet(),
    openMetrics: async () => notYet(),
    timeline: async () => notYet(),
    live: notYet,
    systemMetrics: async () => notYet(),
  }
}
