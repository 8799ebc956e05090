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
  | 'planUpdate'
  | 'planRollback'
  | 'rollbackEndpoint'
  | 'listRevisions'
  | 'listEvents'
  | 'listDecisions'

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
    planUpdate: ({ params, body }) => endpoints.planUpdate(params, body),
    planRollback: ({ params, body }) => endpoints.planRollback(params, body.revision),
    rollbackEndpoint: ({ params, body, caller }) => endpoints.rollback(params, body.revision, caller),
    listRevisions: ({ params, query }) => endpoints.revisions(params, query.limit),
    listEvents: ({ params, query }) => endpoints.events(params, query.limit),
    listDecisions: ({ params, query }) => endpoints.decisions(params, query),
  }
}

async function* asJson(values: AsyncIterable<unknown>): AsyncIterable<string> {
  for await (const value of values) yield JSON.stringify(value)
}
