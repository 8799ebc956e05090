/**
 * Begins the control process and ends it, however far it came.
 *
 * The gateway needs longest to start and nothing of the rooms, so it is started before the code of the rooms is even
 * read; it waits for the link by itself.
 */
import { mkdir } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'
import { GatewayWorkers } from './gateway-workers.ts'
import type { TokenUses } from './governance/token-uses.ts'
import type { LinkHub } from './link/messages.ts'
import type { Insight } from './open-insight.ts'
import { type Claim, claimDirectory } from './platform/claim.ts'
import { systemClock } from './platform/clock.ts'
import { homeAt } from './platform/home.ts'
import type { Log } from './platform/log.ts'
import type { RuntimeDriver } from './runtime/driver.ts'
import type { Settings } from './settings.ts'
import type { Store } from './store/store.ts'

const STOP_DRAIN_MS = 3_000

export type RunningControl = {
  /** Where clients reach it, and where its gateway listens. */
  readonly url: string
  readonly listensOn: string
  /** The first user's token, only when this run made it. */
  readonly newToken: string | undefined
  /** Names for which a certificate is still to be obtained. */
  readonly uncertified: readonly string[]
  /** Replaces every worker of the gateway, one after another, without a lost request. */
  replaceGateways(): Promise<void>
  /** The console, signing in whoever opens it first. */
  readonly signInUrl: string
  /** Ends everything: gateways, replicas, then the rooms. */
  stop(): Promise<void>
}

export type ControlParts = {
  readonly log: Log
  /** Where the built console lies; undefined where there is none. */
  readonly consoleDirectory: Promise<string | undefined>
  /** Whoever starts it has changed their mind. */
  readonly signal: AbortSignal
}

/**
 * @throws PlatformError with the reason why it cannot start, or the signal's reason; nothing is left running then.
 */
export async function startControl(settings: Settings, parts: ControlParts): Promise<RunningControl> {
  const opened: Opened = {}
  try {
    const gateway = await startGateway(settings, parts, opened)
    const { openRooms } = await import('./control-main.ts')
    parts.signal.throwIfAborted()
    const running = await openRooms(settings, parts, { opened, gateway })
    return { ...running, stop: () => end(opened, STOP_DRAIN_MS) }
  } catch (error) {
    await end(opened, 0)
    throw error
  }
}

/** What there is to end, so far. */
export type Opened = {
  claim?: Claim
  store?: Store
  driver?: RuntimeDriver
  gateway?: GatewayWorkers
  insight?: Insight
  loops?: { readonly stopping: AbortController; readonly ended: Promise<unknown> }
  api?: FastifyInstance
  hub?: LinkHub
  tokenUses?: TokenUses
}

/** The one order in which everything ends, however far it came: who asks first, then who works, then who keeps. */
async function end(opened: Opened, drainMs: number): Promise<void> {
  const { claim, store, driver, gateway, insight, loops, api, hub, tokenUses } = opened
  await gateway?.stop(drainMs)
  loops?.stopping.abort()
  await loops?.ended
  const replicas = (await driver?.list()) ?? []
  await Promise.all(replicas.map(({ id }) => driver?.stop(id, { graceMs: 2_000 })))
  await driver?.keepOnly(new Set())
  await insight?.close()
  driver?.close()
  await hub?.close()
  await api?.close()
  await tokenUses?.close()
  await store?.close()
  claim?.release()
}

async function startGateway(
  settings: Settings,
  { log }: ControlParts,
  opened: Opened,
): Promise<GatewayWorkers> {
  const home = homeAt(settings.home)
  opened.claim = claimDirectory(home.lockFile)
  for (const directory of [home.models, home.logs, home.cache])
    await mkdir(directory, { recursive: true, mode: 0o700 })
  const gateway = new GatewayWorkers({
    home,
    host: settings.host,
    port: settings.port,
    workers: settings.gatewayWorkers,
    accessLog: settings.accessLog,
    tls: settings.acme ? 'told' : settings.tls,
    front: settings.gatewayFront,
    handOver: (gatewayId, heir) => opened.hub?.send(gatewayId, { kind: 'hand-over', ...heir }) ?? false,
    domain: settings.domain,
    clock: systemClock,
    log,
  })
  opened.gateway = gateway
  gateway.start().catch(() => {})
  return gateway
}
