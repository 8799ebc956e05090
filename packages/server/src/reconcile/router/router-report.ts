/** What a look says of the router: to the gateways, and in the status. */
import type { RouterStatus } from '@berth/contract'
import { routerOf, routerStatus } from '../../domain/custom-router.ts'
import type { RoutedRouter } from '../../link/messages.ts'
import type { Facts } from '../endpoint-facts.ts'
import type { EndpointMemory } from '../endpoint-memory.ts'
import type { Findings } from '../endpoint-report.ts'
import type { LookTools } from '../look-tools.ts'
import { doorHostOf, routersSeen } from './reconcile-router.ts'

/** Those that run and have not failed: the gateways open doors for one that is not ready yet. */
export function routesOfRouters(facts: Facts, memory: EndpointMemory, tools: LookTools): RoutedRouter[] {
  const { rooms, backends } = tools
  const phases = new Map(routersSeen(facts, memory, tools).map(({ id, phase }) => [id, phase]))
  return facts.routers.flatMap((router) => {
    const phase = phases.get(router.id)
    if (router.state !== 'running' || phase === undefined || phase === 'failed') return []
    const knows = backends.acknowledged(router.id).length > 0
    return [
      {
        id: router.id,
        ...router.address,
        apiKey: rooms.replicaKey(router.id),
        doorHost: doorHostOf(router),
        backends: backends.mayUse(router.id),
        state: phase === 'ready' && !knows ? ('starting' as const) : phase,
      },
    ]
  })
}

/** Undefined for an endpoint without one. */
export function routerReport(
  facts: Facts,
  memory: EndpointMemory,
  tools: LookTools,
  { routerProblem }: Findings,
): RouterStatus | undefined {
  if (!routerOf(facts.endpoint.spec)) return undefined
  const routers = routersSeen(facts, memory, tools)
  const ready = routers.find(({ phase }) => phase === 'ready')
  return routerStatus({
    wanted: facts.wanted,
    routers,
    backends: ready ? tools.backends.acknowledged(ready.id).length : 0,
    failure: memory.routerFailures,
    problem: routerProblem ?? (ready && problemOf(ready.id, tools)),
  })
}

function problemOf(id: RoutedRouter['id'], { backends, doors, rooms }: LookTools): string | undefined {
  const unsaid = backends.problem(id)
  if (unsaid !== undefined) return `It does not take the list of replicas: ${unsaid}`
  const closed = doors.of(id, rooms.gateways()).problem
  return closed === null ? undefined : `It cannot reach the replicas: ${closed}.`
}
