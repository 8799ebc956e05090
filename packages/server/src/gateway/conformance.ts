/** What every gateway must do, as tests: run with each of its fronts. */
import { describeAdapters } from './conformance-adapters.ts'
import { describeAddresses } from './conformance-addresses.ts'
import { describeCache } from './conformance-cache.ts'
import { describeClients } from './conformance-clients.ts'
import { describeClock } from './conformance-clock.ts'
import { describeDeadlines } from './conformance-deadlines.ts'
import { describeDeferred } from './conformance-deferred.ts'
import { describeFallback } from './conformance-fallback.ts'
import { describeHardship } from './conformance-hardship.ts'
import { describeHolding } from './conformance-holding.ts'
import { describeHttp } from './conformance-http.ts'
import { describeLimits } from './conformance-limits.ts'
import { describePassingOn } from './conformance-passing-on.ts'
import { describeReplicas } from './conformance-replicas.ts'
import type { OpenGateway } from './conformance-rig.ts'
import { describeRouters } from './conformance-routers.ts'
import { describeTasks } from './conformance-tasks.ts'
import { describeUpstream } from './conformance-upstream.ts'
import { describeUsage } from './conformance-usage.ts'

export function describeGateway(name: string, openGateway: OpenGateway): void {
  describePassingOn(name, openGateway)
  describeHolding(name, openGateway)
  describeReplicas(name, openGateway)
  describeAdapters(name, openGateway)
  describeRouters(name, openGateway)
  describeAddresses(name, openGateway)
  describeCache(name, openGateway)
  describeClients(name, openGateway)
  describeClock(name, openGateway)
  describeDeferred(name, openGateway)
  describeDeadlines(name, openGateway)
  describeFallback(name, openGateway)
  describeHardship(name, openGateway)
  describeHttp(name, openGateway)
  describeTasks(name, openGateway)
  describeUpstream(name, openGateway)
  describeUsage(name, openGateway)
  describeLimits(name, openGateway)
}
