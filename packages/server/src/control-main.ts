/**
 * The control process: builds the rooms and introduces them to each other. Nothing is decided here.
 */
import { chmod, rm } from 'node:fs/promises'
import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import { createRequire } from 'node:module'
import path from 'node:path'
import { consolePages } from '@berth/console'
import type { FastifyInstance } from 'fastify'
import { createApi } from './api/create-api.ts'
import { apiServices, signInUrl } from './api-services.ts'
import { createModelStore } from './artifacts/create-model-store.ts'
import type { ModelStore } from './artifacts/model-store.ts'
import { Autoscaler } from './autoscale/autoscaler.ts'
import { createEndpoint } from './control/endpoints.ts'
import type { ControlRooms } from './control/rooms.ts'
import { messageOf, PlatformError } from './domain/errors.ts'
import type { EndpointId } from './domain/replica.ts'
import { EngineRoster } from './engines/engine-roster.ts'
import { chooseEngine, everyEngine, repositoryContents } from './engines/engines.ts'
import { findLlamaServer } from './engines/find-llama-server.ts'
import { findOnnxProgram } from './engines/onnx-program.ts'
import { reservedSetting } from './engines/reserved-settings.ts'
import { RouterPrograms } from './engines/router-programs.ts'
import { vllmProgram } from './engines/vllm-program.ts'
import { ensureFirstUser, FIRST_USER, sampleEndpoint } from './first-run.ts'
import type { GatewayWorkers } from './gateway-workers.ts'
import { Access } from './governance/access.ts'
import { SignInCodes } from './governance/sign-in-codes.ts'
import { TokenUses } from './governance/token-uses.ts'
import { openLinkHub } from './link/hub.ts'
import type { ConnectedGateway, UpMessage } from './link/messages.ts'
import { openCertificates } from './open-certificates.ts'
import { type Insight, openInsight } from './open-insight.ts'
import { openRuntimes } from './open-runtime.ts'
import { orAborted } from './platform/abort.ts'
import { Changes } from './platform/changes.ts'
import { type Clock, systemClock } from './platform/clock.ts'
import { collectGarbage } from './platform/collect-garbage.ts'
import { homeAt } from './platform/home.ts'
import { hourly } from './platform/hourly.ts'
import type { Log } from './platform/log.ts'
import { Reconciler } from './reconcile/reconciler.ts'
import { replicaKeyring } from './replica-keys.ts'
import { Routing } from './routing.ts'
import { openOfferedHardware } from './runtime/offered-hardware.ts'
import type { Settings } from './settings.ts'
import type { ControlParts, Opened, RunningControl } from './start-control.ts'
import { loadKey } from './store/secret-box.ts'
import { openSqliteStore } from './store/sql/sqlite-store.ts'
import type { Store } from './store/store.ts'
import { version } from './version.ts'

/** How long a start waits for the first look at every endpoint before gateways may ask. */
const SETTLE_MS = 5_000
const EVICTION_INTERVAL_MS = 60 * 60_000
/** After what people and programs do first. */
const AT_REST_MS = 5_000
const READY_MS = 15_000
const READY_POLL_MS = 10

/** @param gateway has been started. */
export async function openRooms(
  settings: Settings,
  { log, consoleDirectory, signal }: ControlParts,
  { opened, gateway }: { readonly opened: Opened; readonly gateway: GatewayWorkers },
): Promise<Omit<RunningControl, 'stop'>> {
  const clock = systemClock
  const startedAt = clock.now()
  const publicUrl = () => settings.publicUrl ?? gateway.url
  const home = homeAt(settings.home)
  const key = await loadKey({ file: home.keyFile, env: settings.key })
  const store = await openStore(settings, home.database, key)
  opened.store = store
  const runtime = await openRuntimes(settings.runtimes, { home, key, clock, log })
  opened.driver = runtime
  const hardware = await openOfferedHardware(home.hardwareFile, settings.runtimes)
  const driver = hardware.around(runtime)
  const models = openModels(settings, home.cache, home.models, clock, log)
  const llamaServer = await findLlamaServer({
    setting: settings.llamaServer,
    path: settings.path,
    cacheDirectory: home.cache,
  })
  const engines = new EngineRoster(settings.runtimes, {
    server: llamaServer,
    compileCacheDirectory: path.join(home.cache, 'compiled'),
    onnxProgram: findOnnxProgram(),
    vllmProgram: await vllmProgram(settings.vllm),
  })
  const engine = (name: string, on: string | undefined) => engines.engine(name, on)
  const routerPrograms = new RouterPrograms(home.routers)

  const routing = new Routing()
  const certificates = await openCertificates(settings.acme, { home, key, clock, log, routing })
  const changes = new Changes<EndpointId>()
  const hint = (id: EndpointId) => {
    changes.announce(id)
    reconciler.hint(id)
  }
  const insight = openInsight({
    home,
    clock,
    log,
    store,
    driver,
    acknowledge: (gatewayId, sequence) => opened.hub?.acknowledge(gatewayId, sequence),
  })
  opened.insight = insight
  const autoscaler = new Autoscaler({ clock, log, store, driver, hint })
  const reconciler = new Reconciler({
    clock,
    log,
    store,
    driver,
    models,
    engine,
    replicaKey: replicaKeyring(key),
    routerPlan: (...asked) => routerPrograms.plan(...asked),
    // One that lives and lost its link goes on serving by what it heard last.
    gateways: () => [...new Set([...(opened.hub?.gateways.map(({ id }) => id) ?? []), ...gateway.livingIds])],
    publish: (route) => routing.publish(route),
    unpublish: (id) => routing.unpublish(id),
    looked: (endpoint, report, replicas, target) => {
      autoscaler.looked(endpoint, report, replicas, target)
      insight.looked(endpoint.id, replicas)
    },
    reported: (id) => changes.announce(id),
    forgotten: (id) => {
      autoscaler.forgotten(id)
      insight.forgotten(id)
    },
    hubToken: settings.hubToken,
    drainTimeoutMs: settings.drainTimeoutMs,
  })
  const tokenUses = new TokenUses({ clock, log, store })
  opened.tokenUses = tokenUses
  const access = new Access({
    clock,
    store,
    uses: tokenUses,
    granted: (grant) => routing.grant(grant),
    revoked: (hash) => routing.revoke(hash),
  })
  const signIns = new SignInCodes({ clock, createToken: (wish, user) => access.createToken(wish, user) })
  const control: ControlRooms = {
    clock,
    store,
    models,
    driver,
    engine,
    reservedSetting,
    chooseEngine: (image, model, wish) => engines.choose(image, model, wish),
    chooseAnyEngine: (image, model, wish) => chooseEngine(everyEngine(), image, model, wish),
    contents: repositoryContents,
    hint,
    forgive: (id) => reconciler.forgive(id),
    scale: autoscaler,
    url: (namespace, name) => `${publicUrl()}/e/${namespace}/${name}`,
    refuseMissingRouter: (...asked) => routerPrograms.refuseMissing(...asked),
    hubToken: settings.hubToken,
  }

  const newToken = await ensureFirstUser(store, home, clock)
  for (const grant of await access.grants()) routing.grant(grant)
  await deploySample(control, log)

  const stopping = new AbortController()
  const linked = Promise.withResolvers<void>()
  const loops = [
    reconciler.run(stopping.signal),
    autoscaler.run(stopping.signal),
    insight.run(stopping.signal),
    // Authorities look for proof at the gateway, which hears of it over the link.
    orAborted(linked.promise, stopping.signal).then(
      () => certificates?.run(stopping.signal),
      () => {},
    ),
    hourly(() => access.tidy(), { clock, log, signal: stopping.signal }),
    evictForever(settings, models, clock, log, stopping.signal),
    collectOnceAtRest(clock, stopping.signal),
  ]
  opened.loops = { stopping, ended: Promise.all(loops) }

  const api = createApi(
    apiServices({
      control,
      hardware: { hardware, store, log, administrator: FIRST_USER },
      access,
      signIns,
      autoscaler,
      changes,
      insight,
      reconciler,
      routing,
      certificates,
      link: opened,
      settings,
      startedAt,
      url: publicUrl,
    }),
    {
      version,
      consoleDirectory: await orAborted(consoleDirectory, signal),
      consolePages,
      log,
      publicUrl,
      clock,
    },
  )
  opened.api = api
  await listen(api, home.controlSocket)

  await orAborted(Promise.race([reconciler.settled, clock.sleep(SETTLE_MS)]), signal)
  opened.hub = await openLinkHub({
    listen: { path: home.linkSocket },
    snapshot: () => routing.snapshot(),
    onMessage: (from, message) => receive(from, message, { autoscaler, reconciler, insight, tokenUses }),
    onConnect: ({ id, pid }) => {
      log.info('gateway connected', { gateway: id, pid })
      gateway.hint()
      autoscaler.gatewayConnected(id)
    },
    onDisconnect: ({ id }) => {
      log.warn('gateway disconnected', { gateway: id })
      gateway.hint()
      autoscaler.gatewayGone(id)
      insight.observer.gatewayGone(id)
    },
  })
  routing.broadcast = (message) => opened.hub?.broadcast(message)
  await orAborted(gateway.started, signal)
  linked.resolve()
  // Without a certificate it lets nobody in, and it is to be there for the authority's look.
  const uncertified = certificates?.status.expiresAt === null ? certificates.status.names : []
  if (uncertified.length === 0) await orAborted(untilReady(gateway.url, clock), signal)
  log.info('ready', { url: publicUrl(), listensOn: gateway.url, tookMs: clock.now() - startedAt })

  const { code } = signIns.issue({ user: FIRST_USER, role: 'write', expiresAt: null })
  return {
    url: publicUrl(),
    listensOn: gateway.url,
    newToken,
    uncertified,
    signInUrl: signInUrl(publicUrl(), code),
    replaceGateways: () => gateway.replaceAll(),
  }
}

type Receivers = {
  readonly autoscaler: Autoscaler
  readonly reconciler: Reconciler
  readonly insight: Insight
  readonly tokenUses: TokenUses
}

function receive(
  from: ConnectedGateway,
  message: UpMessage,
  { autoscaler, reconciler, insight, tokenUses }: Receivers,
): void {
  insight.receive(from, message)
  switch (message.kind) {
    case 'hello':
    case 'usage':
      break
    case 'demand':
      autoscaler.demand(from.id, message.sequence, message.endpoints)
      for (const demand of message.endpoints) {
        if (demand.lastActivityAt !== null) reconciler.used(demand.id, demand.lastActivityAt)
      }
      break
    case 'wake':
      autoscaler.wake(from.id, message.id, message.waiting)
      break
    case 'drained':
      reconciler.drained(from.id, message.replicaId)
      break
    case 'tokens-used':
      for (const use of message.uses) tokenUses.used(use)
      break
    case 'suspect':
      reconciler.suspect(message.replicaId)
      break
    case 'stuck':
      reconciler.stuck(message.replicaId, message.evidence)
      break
    case 'doors':
      reconciler.doors(from.id, message.routerId, message)
      break
    default:
      message satisfies never
  }
}

async function openStore(settings: Settings, file: string, key: Buffer): Promise<Store> {
  if (settings.store === 'sqlite') return openSqliteStore({ file, key })
  // Loaded only by those who use it: the driver costs 15 MB of memory.
  const { openPostgresStore } = await import('./store/sql/postgres-store.ts')
  return openPostgresStore({ url: settings.store, key })
}

function openModels(
  settings: Settings,
  cacheDirectory: string,
  ownModels: string,
  clock: Clock,
  log: Log,
): ModelStore {
  const guide = createRequire(import.meta.url).resolve('@berth/llama/assets/guide.gguf')
  return createModelStore({
    cacheDirectory,
    roots: [ownModels, ...settings.modelsRoots],
    builtins: { 'berth/guide': { directory: path.dirname(guide) } },
    hubUrl: settings.hubUrl,
    token: settings.hubToken,
    clock,
    log,
  })
}

async function deploySample(control: ControlRooms, log: Log): Promise<void> {
  const { instanceTypes } = await control.driver.capacity()
  const request = await sampleEndpoint(control.store, instanceTypes)
  if (!request) return
  try {
    await createEndpoint(control, FIRST_USER, request, { id: FIRST_USER, name: FIRST_USER }, { asleep: true })
  } catch (error) {
    log.warn('the sample endpoint could not be made', { error: messageOf(error) })
  }
}

async function listen(api: FastifyInstance, socket: string): Promise<void> {
  // Whoever holds the claim is alone here, so a socket that is there belongs to nobody any more.
  await rm(socket, { force: true })
  await api.listen({ path: socket })
  await chmod(socket, 0o600)
}

async function collectOnceAtRest(clock: Clock, signal: AbortSignal): Promise<void> {
  await clock.sleep(AT_REST_MS, signal).then(collectGarbage, () => {})
}

async function evictForever(
  settings: Settings,
  models: ModelStore,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(EVICTION_INTERVAL_MS, signal).catch(() => {})
    if (signal.aborted) return
    const freedBytes = await models.evict(settings.cacheBytes).catch((error) => {
      log.warn('the model cache could not be cleaned', { error: messageOf(error) })
      return 0
    })
    if (freedBytes > 0) log.info('model cache cleaned', { freedBytes })
  }
}

/** The gateway's certificate is made out to the name by which clients know it, and this is a look at our own process. */
function statusAt(url: string): Promise<number> {
  return new Promise((resolve) => {
    const answered = (answer: IncomingMessage) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    }
    const request = url.startsWith('https:')
      ? https.get(url, { rejectUnauthorized: false, agent: false }, answered)
      : http.get(url, { agent: false }, answered)
    request.on('error', () => resolve(0))
  })
}

/** Asks until the gateway says that it takes requests. */
async function untilReady(url: string, clock: Clock): Promise<void> {
  const deadline = clock.now() + READY_MS
  for (;;) {
    const status = await statusAt(`${url}/readyz`)
    if (status === 200) return
    if (clock.now() >= deadline)
      throw new PlatformError(
        'unavailable',
        `The gateway at ${url} did not get ready within ${READY_MS / 1_000} s.`,
      )
    await clock.sleep(READY_POLL_MS)
  }
}
