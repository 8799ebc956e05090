/** The router of an endpoint's own: what is asked for, and how it fares. Pure. */
import type { RouterStatus } from '@berth/contract'
import type { EndpointSpec } from './endpoint.ts'
import { PlatformError } from './errors.ts'
import type { Resources } from './instance-type.ts'
import type { Replica } from './replica.ts'
import type { StartFailures } from './start-failures.ts'

export type RouterSpec = {
  readonly tag: string
  readonly env: Readonly<Record<string, string>>
  /** Inside its container. */
  readonly port: number
}

/** What the managed service takes for a router that names no port. */
const DEFAULT_PORT = 3_000
export const ROUTER_HEALTH_ROUTE = '/_custom_router/health'
/** It passes bytes on, and keeps a queue at most. */
export const ROUTER_RESOURCES: Resources = { cpus: 1, memoryBytes: 512 * 2 ** 20, gpus: 0 }
/** Names that Berth gives it values for. */
export const ROUTER_VARIABLE = {
  port: 'CUSTOM_ROUTER_PORT',
  host: 'CUSTOM_ROUTER_HOST',
  key: 'CUSTOM_ROUTER_KEY',
} as const

/** Undefined for an endpoint whose replicas the gateway chooses. */
export function routerOf({ customRouter }: Pick<EndpointSpec, 'customRouter'>): RouterSpec | undefined {
  if (!customRouter?.tag) return undefined
  const { tag, env = {}, port = DEFAULT_PORT } = customRouter
  return { tag, env, port }
}

export const isSameRouter = (a: RouterSpec | undefined, b: RouterSpec | undefined): boolean =>
  JSON.stringify(a) === JSON.stringify(b)

/** @throws PlatformError `invalid` for settings of no router, and for variables that Berth sets. */
export function refuseRouterSettings({ customRouter }: Pick<EndpointSpec, 'customRouter'>): void {
  if (!customRouter) return
  const { tag, env = {}, port } = customRouter
  if (!tag && (Object.keys(env).length > 0 || port !== undefined)) {
    throw new PlatformError('invalid', 'customRouter.tag is missing: name the router, or send {} for none.', {
      field: 'customRouter.tag',
    })
  }
  const own: readonly string[] = Object.values(ROUTER_VARIABLE)
  const reserved = Object.keys(env).find((name) => own.includes(name))
  if (reserved) {
    throw new PlatformError(
      'invalid',
      `customRouter.env.${reserved} cannot be set: Berth tells the router with it where to listen and how to reach the replicas. Where its image listens is customRouter.port.`,
      { field: `customRouter.env.${reserved}` },
    )
  }
}

export type RouterFacts = {
  /** The replicas that should run; without any there is no router. */
  readonly wanted: number
  readonly routers: readonly Replica[]
  /** How many replicas the ready one was told of, and said yes to. */
  readonly backends: number
  readonly failure: StartFailures | undefined
  /** Why it cannot be started, or not be used, now. */
  readonly problem: string | undefined
}

const MEANWHILE = 'Until then Berth chooses the replica.'

export function routerStatus({ wanted, routers, backends, failure, problem }: RouterFacts): RouterStatus {
  const ready = routers.find(({ phase }) => phase === 'ready')
  const id = (ready ?? routers.find(({ phase }) => phase === 'starting'))?.id ?? null
  if (wanted === 0) return { state: 'stopped', message: 'It starts with the next replica.', id }
  if (ready && backends > 0) {
    const replicas = backends === 1 ? 'one replica' : `${backends} replicas`
    return { state: 'ready', message: `It chooses among ${replicas}.`, id }
  }
  if (failure?.final) {
    return { state: 'failed', message: `${failure.reason}\nBerth chooses the replica instead.`, id }
  }
  if (problem) return { state: ready ? 'failed' : 'starting', message: `${problem} ${MEANWHILE}`, id }
  const again = failure ? `Starting again: ${failure.reason}\n` : ''
  const what = ready ? 'It is being told of the replicas.' : 'Starting.'
  return { state: 'starting', message: `${again}${what} ${MEANWHILE}`, id }
}
