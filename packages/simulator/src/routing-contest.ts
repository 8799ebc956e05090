/**
 * One trace on a fixed number of replicas, every way of choosing among them: the gateway's own with what waits held back
 * in the gateway, its plain policies, and others' rules.
 */
import type { RoutingPolicy, RoutingRules } from '@berth/server/domain/routing/choose-replica'
import { loadOfFlow, replicasNeeded } from '@berth/server/domain/scale/replicas-needed'
import { fixed } from './baselines/baselines.ts'
import { type NamedRouter, OTHER_ROUTERS } from './baselines/routers.ts'
import { BerthRouter } from './berth-router.ts'
import type { Match } from './contest.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import { gatewayRules, play } from './world.ts'

export type RoutingContest = {
  readonly trace: string
  readonly profile: string
  readonly replicas: number
  readonly rows: readonly RoutingRow[]
}

export type RoutingRow = { readonly name: string; readonly isOurs: boolean; readonly outcome: Outcome }

/** How busy the replicas are on average: below it every rule does well, above it none. */
const BUSY_SHARE = 0.8

export function routingContest(match: Match, replicas = replicasFor(match)): RoutingContest {
  const { trace, profile, slo, hardship, seed } = match
  const others = [
    ...OTHER_ROUTERS,
    ...PLAIN_POLICIES.map((policy) => ofGateway(policy, { policy, room: null })),
  ]
  const rows = [ofGateway('berth', gatewayRules(profile)), ...others].map(({ name, routerFor }) => {
    const policy = fixed(replicas)
    const played = play({
      trace,
      profile,
      slo,
      policy,
      max: replicas,
      beginWith: replicas,
      hardship,
      seed,
      routerFor,
    })
    return { name, isOurs: name === 'berth', outcome: outcomeOf(played, slo, policy) }
  })
  return { trace: trace.name, profile: profile.name, replicas, rows }
}

const PLAIN_POLICIES: readonly RoutingPolicy[] = ['round-robin', 'least-requests', 'least-tokens']

function ofGateway(name: string, rules: RoutingRules): NamedRouter {
  return { name, routerFor: (trace) => new BerthRouter(trace, rules) }
}

function replicasFor({ trace, slo, profile }: Match): number {
  const seconds = Math.max(1, (trace.at.at(-1) ?? 0) / 1_000)
  const meanOf = (values: Float64Array) =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
  const flow = {
    requestsPerSecond: trace.at.length / seconds,
    meanPromptTokens: meanOf(trace.input),
    meanAnswerTokens: meanOf(trace.output),
  }
  return Math.max(2, Math.ceil(replicasNeeded(loadOfFlow(flow, slo), slo, profile).replicas / BUSY_SHARE))
}
