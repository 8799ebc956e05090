/**
 * A whole server without a machine behind it: the real control, autoscale and reconcile rooms on a real SQLite and the
 * real model store, with a runtime and a clock that a test moves. Engines are one health route that answers for all.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { json } from 'node:stream/consumers'
import type { Endpoint, EndpointUpdate, EndpointWithStatus, Image } from '@berth/contract'
import { createModelStore } from '../src/artifacts/create-model-store.ts'
import { Autoscaler } from '../src/autoscale/autoscaler.ts'
import { changeByRollback, changeByUpdate, planOf } from '../src/control/endpoint-change.ts'
import { viewEndpoint } from '../src/control/endpoint-queries.ts'
import {
  createEndpoint,
  deleteEndpoint,
  pauseEndpoint,
  resumeEndpoint,
  rollbackEndpoint,
  scaleEndpointToZero,
  updateEndpoint,
} from '../src/control/endpoints.ts'
import type { ControlRooms } from '../src/control/rooms.ts'
import type { EndpointId, ReplicaId } from '../src/domain/replica.ts'
import type { RuntimeKind } from '../src/engines/engine.ts'
import { chooseEngine, createEngines, everyEngine, repositoryContents } from '../src/engines/engines.ts'
import { reservedSetting } from '../src/engines/reserved-settings.ts'
import { RouterPrograms } from '../src/engines/router-programs.ts'
import type { EndpointDemand, RoutedEndpoint, RoutedRouter } from '../src/link/messages.ts'
import { silentLog } from '../src/platform/log.ts'
import { Reconciler } from '../src/reconcile/reconciler.ts'
import { FakeDriver, FakeRuntime } from '../src/runtime/fake/fake-driver.ts'
import { openSqliteStore } from '../src/store/sql/sqlite-store.ts'
import type { Store } from '../src/store/store.ts'
import { FakeClock } from '../src/testing/fake-clock.ts'

const ACTS = { pauseEndpoint, resumeEndpoint, scaleEndpointToZero, deleteEndpoint }
const ME = { id: 'admin', name: 'admin' }
const GATEWAY = 'gw-1'
const STEP_MS = 20
const REPORT_EVERY_MS = 1_000
const NO_DEMAND = {
  arrivals: 0,
  pending: 0,
  waiting: 0,
  inFlight: 0,
  lastActivityAt: null,
  inFlightByReplica: {},
  tokens: null,
}
const MAX_STEPS = 1_500

export type Health = 'ready' | 'loading' | 'silent'

export class World {
  readonly clock = new FakeClock(1_700_000_000_000)
  readonly runtime = new FakeRuntime(this.clock)
  /** What each replica's health route says; ready unless said otherwise. */
  readonly health = new Map<ReplicaId, Health>()
  /** Replicas that still have a request on the gateway, and so are not drained. */
  readonly busy = new Set<ReplicaId>()
  readonly routes = new Map<EndpointId, RoutedEndpoint>()
  /** Every list of backends that a router was told, oldest first. */
  readonly told = new Map<ReplicaId, (readonly string[])[]>()
  /** Routers answer this to a list of backends. */
  backendsStatus = 200
  /** Why the gateway opens no door for routers; undefined for no reason. */
  doorProblem: string | undefined
  /** What the gateway reports of endpoints that are asked for something. */
  readonly load = new Map<EndpointId, Partial<EndpointDemand>>()
  isGatewaySilent = false
  /** Further gateways that live and say nothing. */
  otherGateways: readonly string[] = []
  /** Every set of ready replicas that the gateways were told, to see that none was missing. */
  readonly readyCounts: number[] = []
  /** Some rules hold for processes only; the fake stands for either. */
  runtimeName = 'fake'
  runtimes: readonly RuntimeKind[] = ['process']
  store!: Store
  control!: ControlRooms
  autoscaler!: Autoscaler
  reconciler!: Reconciler
  readonly #onStart = new Set<(id: ReplicaId) => void>()
  #directory = ''
  #reports = 0
  #hubUrl = 'http://127.0.0.1:9'
  #server: http.Server | undefined
  #stopping = new AbortController()
  #loops: Promise<unknown>[] = []

  static async start({
    hubUrl = 'http://127.0.0.1:9',
    runtimes = ['process'],
  }: {
    readonly hubUrl?: string
    readonly runtimes?: readonly RuntimeKind[]
  } = {}): Promise<World> {
    const world = new World()
    world.runtimes = runtimes
    world.#hubUrl = hubUrl
    world.#directory = mkdtempSync(path.join(os.tmpdir(), 'berth-world-'))
    mkdirSync(path.join(world.#directory, 'model'))
    writeFileSync(path.join(world.#directory, 'model', 'm.gguf'), 'weights')
    world.store = await openSqliteStore({
      file: path.join(world.#directory, 'berth.db'),
      key: Buffer.alloc(32, 7),
    })
    await world.store.namespaces.create({ name: 'admin', kind: 'user', createdAt: 0 })
    const port = await world.#serveHealth()
    world.runtime.address = (spec) => {
      for (const act of world.#onStart) queueMicrotask(() => act(spec.id))
      return { host: '127.0.0.1', port }
    }
    world.#build()
    return world
  }

  /** A control process that was killed and came back: everything in memory is lost, what runs still runs. */
  async restartControl(): Promise<void> {
    await this.#stopLoops()
    this.#build()
  }

  async end(): Promise<void> {
    await this.#stopLoops()
    await this.store.close()
    this.#server?.closeAllConnections()
    this.#server?.close()
    rmSync(this.#directory, { recursive: true, maxRetries: 10 })
  }

  async create(
    changes: {
      name?: string
      min?: number
      max?: number
      idleMinutes?: number
      image?: Image
      size?: string
      repository?: string
      adapters?: Endpoint['model']['adapters']
      customRouter?: Endpoint['customRouter']
    } = {},
  ) {
    const {
      name = 'chat',
      min = 0,
      max = 2,
      idleMinutes = 15,
      image = { echo: {} },
      size = 'x1',
      repository = 'berth/test',
      adapters,
      customRouter,
    } = changes
    const body: Endpoint = {
      name,
      type: 'private',
      provider: { vendor: 'local', region: 'default' },
      compute: {
        accelerator: 'cpu',
        instanceType: 'cpu',
        instanceSize: size,
        scaling: { minReplica: min, maxReplica: max, scaleToZeroTimeout: idleMinutes },
      },
      model: { repository, framework: 'custom', image, ...(adapters && { adapters }) },
      ...(customRouter && { customRouter }),
    }
    await createEndpoint(this.control, 'admin', body, ME)
  }

  async update(change: EndpointUpdate, name = 'chat'): Promise<void> {
    await updateEndpoint(this.control, await this.#find(name), change, ME)
  }

  async rollback(revision: number, name = 'chat'): Promise<void> {
    await rollbackEndpoint(this.control, await this.#find(name), revision, ME)
  }

  async planUpdate(change: EndpointUpdate, name = 'chat') {
    const endpoint = await this.#find(name)
    return planOf(this.control, endpoint, await changeByUpdate(this.control, endpoint, change))
  }

  async planRollback(revision: number, name = 'chat') {
    const endpoint = await this.#find(name)
    return planOf(this.control, endpoint, await changeByRollback(this.control, endpoint, revision))
  }

  async act(verb: keyof typeof ACTS, name = 'chat'): Promise<void> {
    await ACTS[verb](this.control, await this.#find(name), ME)
  }

  async request(name = 'chat', waiting = 1): Promise<void> {
    const { id } = await this.#find(name)
    this.autoscaler.wake(GATEWAY, id, waiting)
    // And is gone by the next report, unless a test says otherwise.
    if (!this.load.has(id)) this.load.set(id, {})
  }

  async see(name = 'chat'): Promise<EndpointWithStatus> {
    return viewEndpoint(this.control, await this.#find(name))
  }

  /** What every replica does as soon as it is started. @returns a function that ends it. */
  onStart(act: (id: ReplicaId) => void): () => void {
    this.#onStart.add(act)
    return () => this.#onStart.delete(act)
  }

  /** Below which `file:` references are allowed. */
  get directory(): string {
    return this.#directory
  }

  /** What the runtime was told to prepare, in order. */
  get prepared(): readonly ReplicaId[] {
    return this.runtime.calls.flatMap((call) =>
      call.startsWith('prepare ') ? [call.slice('prepare '.length) as ReplicaId] : [],
    )
  }

  get replicas() {
    return [...this.runtime.replicas.values()].map((replica) => replica.state)
  }

  /** Lets time pass until `condition` holds. */
  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    for (let step = 0; step < MAX_STEPS; step++) {
      if (await condition()) return
      await this.pass(STEP_MS)
    }
    throw new Error(
      `${what} did not happen; the endpoint says: ${JSON.stringify((await this.see().catch(() => ({ status: 'gone' }))).status)}`,
    )
  }

  async untilState(state: string, name = 'chat'): Promise<void> {
    await this.until(`state ${state}`, async () => (await this.see(name)).status.state === state)
  }

  /** Moves the clock and lets what it woke reach the other side of a socket. */
  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }

  async #find(name: string) {
    const endpoint = await this.store.endpoints.find('admin', name)
    if (!endpoint) throw new Error(`no endpoint ${name}`)
    return endpoint
  }

  #build(): void {
    const { clock, store } = this
    const driver = new FakeDriver(this.runtime, clock)
    Object.defineProperty(driver, 'name', { get: () => this.runtimeName })
    const engines = createEngines({
      server: undefined,
      compileCacheDirectory: undefined,
      runtimes: this.runtimes,
    })
    const engine = (name: string) => engines.find((one) => one.name === name)
    const models = createModelStore({
      cacheDirectory: path.join(this.#directory, 'cache'),
      roots: [this.#directory],
      builtins: { 'berth/test': { directory: path.join(this.#directory, 'model') } },
      hubUrl: this.#hubUrl,
      token: undefined,
      clock,
      log: silentLog,
    })
    const routers = new RouterPrograms(path.join(this.#directory, 'routers'))
    const hint = (id: EndpointId) => this.reconciler.hint(id)
    this.autoscaler = new Autoscaler({ clock, log: silentLog, store, driver, hint })
    this.reconciler = new Reconciler({
      clock,
      log: silentLog,
      store,
      driver,
      models,
      engine,
      replicaKey: (id) => id,
      routerPlan: (...asked) => routers.plan(...asked),
      gateways: () => [GATEWAY, ...this.otherGateways],
      publish: (route) => this.#publish(route),
      unpublish: (id) => this.#unpublish(id),
      looked: (...found) => this.autoscaler.looked(...found),
      reported: () => {},
      forgotten: (id) => this.autoscaler.forgotten(id),
      hubToken: undefined,
      drainTimeoutMs: 120_000,
    })
    this.control = {
      clock,
      store,
      models,
      driver,
      engine,
      reservedSetting,
      chooseEngine: (image, model, wish) => chooseEngine(engines, image, model, wish),
      chooseAnyEngine: (image, model, wish) => chooseEngine(everyEngine(), image, model, wish),
      contents: repositoryContents,
      hint,
      forgive: (id) => this.reconciler.forgive(id),
      scale: this.autoscaler,
      url: (namespace, name) => `http://berth/e/${namespace}/${name}`,
      refuseMissingRouter: (...asked) => routers.refuseMissing(...asked),
      hubToken: undefined,
    }
    this.#stopping = new AbortController()
    const { signal } = this.#stopping
    this.#loops = [this.reconciler.run(signal), this.autoscaler.run(signal), this.#report(signal)]
  }

  /** What the gateway says of each endpoint, several times a second, as far as it has anything to say. */
  async #report(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (!this.isGatewaySilent) {
        const endpoints = [...this.load].map(([id, load]) => ({ ...NO_DEMAND, ...load, id }))
        this.autoscaler.demand(GATEWAY, ++this.#reports, endpoints)
      }
      await this.clock.sleep(REPORT_EVERY_MS, signal).catch(() => {})
    }
  }

  async #stopLoops(): Promise<void> {
    this.#stopping.abort()
    const ended = Promise.all(this.#loops)
    let over = false
    ended.finally(() => {
      over = true
    })
    while (!over) await this.pass(STEP_MS)
  }

  #publish(route: RoutedEndpoint): void {
    const isNews = JSON.stringify(route) !== JSON.stringify(this.routes.get(route.id))
    this.routes.set(route.id, route)
    this.readyCounts.push(route.replicas.filter((replica) => replica.state === 'ready').length)
    // What is not new is not sent, so no gateway answers it.
    if (!isNews) return
    for (const { id, state } of [...route.replicas, ...(route.routers ?? [])])
      if (state === 'draining') this.#reportIfDrained(id)
    for (const router of route.routers ?? []) this.#openDoors(route, router)
  }

  #openDoors({ replicas }: RoutedEndpoint, { id, doorHost: host, backends }: RoutedRouter): void {
    const wanted = new Set([...replicas.map((replica) => replica.id), ...backends])
    // A port for each replica, and the same one each time.
    const doors = [...wanted].map((replicaId) => ({ replicaId, host, port: portOf(replicaId) }))
    const problem = this.doorProblem ?? null
    this.reconciler.doors(GATEWAY, id, { doors: problem === null ? doors : [], problem })
  }

  #unpublish(id: EndpointId): void {
    this.routes.delete(id)
    for (const replica of this.replicas) if (replica.endpointId === id) this.#reportIfDrained(replica.id)
  }

  #reportIfDrained(id: ReplicaId): void {
    if (!this.busy.has(id)) this.reconciler.drained(GATEWAY, id)
  }

  /** The last request on a draining replica ended. */
  finish(id: ReplicaId): void {
    this.busy.delete(id)
    this.reconciler.drained(GATEWAY, id)
  }

  async #takeBackends(id: ReplicaId, request: http.IncomingMessage): Promise<void> {
    const { backends } = (await json(request)) as { readonly backends: readonly string[] }
    this.told.set(id, [...(this.told.get(id) ?? []), backends])
  }

  #serveHealth(): Promise<number> {
    const server = http.createServer((request, response) => {
      const id = (request.headers.authorization ?? '').replace('Bearer ', '') as ReplicaId
      if (request.method === 'POST') {
        if (this.backendsStatus !== 200) response.writeHead(this.backendsStatus).end()
        else void this.#takeBackends(id, request).then(() => response.end('{"ok":true}'))
        return
      }
      const health = request.url === '/broken' ? 'loading' : (this.health.get(id) ?? 'ready')
      if (health !== 'silent') response.writeHead(health === 'ready' ? 200 : 503).end()
    })
    this.#server = server
    return new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
    })
  }
}

/** Where the door for this replica is. */
export const portOf = (id: ReplicaId) =>
  20_000 + [...id].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 20_000, 7)
