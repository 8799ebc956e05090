/** Endpoints: what is wanted, what is there, what happened. */

import type { Handlers } from './route-binding.ts'
import type { EndpointService } from './services.ts'
import { begun } from './text-stream.ts'

type EndpointRoutes =
  | 'listEndpoints'
  | 'createEndpoint'
  | 'getEndpoint'
  | 'updateEndpoint'
  | 'deleteEndpoint'
  | 'pauseEndpoint'
  | 'resumeEndpoint'
  | 'scaleEndpointToZero'
  | 'watchEndpoint'
  | 'listReplicas'
  | 'readLogs'
  | 'watchLogs'
  | 'listRevisions'
  | 'listEvents'

export function endpointHandlers(endpoints: EndpointService): Pick<Handlers, EndpointRoutes> {
  return {
    listEndpoints: ({ params, query }) => endpoints.list(params.namespace, query),
    createEndpoint: ({ params, body, caller }) => endpoints.create(params.namespace, body, caller),
    getEndpoint: ({ params }) => endpoints.get(params),
    updateEndpoint: ({ params, body, caller }) => endpoints.update(params, body, caller),
    deleteEndpoint: async ({ params, caller }) => {
      await endpoints.delete(params, caller)
      return {}
    },
    pauseEndpoint: ({ params, caller }) => endpoints.pause(params, caller),
    resumeEndpoint: ({ params, caller }) => endpoints.resume(params, caller),
    scaleEndpointToZero: ({ params, caller }) => endpoints.scaleToZero(params, caller),
    watchEndpoint: async ({ params, signal }) => asJson(await begun(endpoints.watch(params, signal))),
    listReplicas: ({ params }) => endpoints.replicas(params),
    readLogs: async ({ params, query, signal }) => {
      const { line_max_length: maxLength, follow = false, ...wanted } = query
      return shortened(await endpoints.logs(params, { ...present(wanted), follow }, signal), maxLength)
    },
    watchLogs: async ({ params, query, signal }) => {
      const { line_max_length: maxLength, follow = true, ...wanted } = query
      return shortened(await endpoints.logs(params, { ...present(wanted), follow }, signal), maxLength)
    },
    listRevisions: ({ params, query }) => endpoints.revisions(params, query.limit),
    listEvents: ({ params, query }) => endpoints.events(params, query.limit),
  }
}

/** Without the keys that were not given. */
function present({
  replica,
  tail,
}: {
  readonly replica?: string | undefined
  readonly tail?: number | undefined
}) {
  return { ...(replica !== undefined && { replica }), ...(tail !== undefined && { tail }) }
}

async function* asJson(values: AsyncIterable<unknown>): AsyncIterable<string> {
  for await (const value of values) yield JSON.stringify(value)
}

function shortened(lines: AsyncIterable<string>, maxLength: number | undefined): AsyncIterable<string> {
  if (maxLength === undefined) return lines
  return (async function* () {
    for await (const line of lines) yield line.slice(0, maxLength)
  })()
}
