/**
 * The services behind the api, in memory: for the api's own tests.
 *
 * Two users: `ada`, also a member of `acme`, and `bob`. Endpoints run the moment they are created.
 */
import { EventEmitter, on } from 'node:events'
import {
  type AllGraphs,
  type Endpoint,
  type EndpointWithStatus,
  type HardwareFile,
  hardwareId,
  type MetricsAnswer,
  Model,
  type UpdatePlan,
  variantOf,
} from '@berth/contract'
import { PlatformError } from '../domain/errors.ts'
import type {
  ApiServices,
  Caller,
  EndpointName,
  EndpointService,
  HardwareService,
  InsightService,
  TokenService,
} from './services.ts'

const NOW = '2026-08-01T10:00:00.000Z'

export const ADA_WRITES = 'berth_ada_writes'
export const ADA_READS = 'berth_ada_reads'
export const BOB_WRITES = 'berth_bob_writes'

const caller = (user: string, role: Caller['role'], namespaces: readonly string[]): Caller => ({
  user,
  actor: { id: `user-${user}`, name: user },
  role,
  tokenId: `token-${user}-${role}`,
  tokenName: `${user} ${role}s`,
  tokenCreatedAt: 0,
  namespaces,
})

export class InMemoryServices implements ApiServices {
  readonly callers = new Map([
    [ADA_WRITES, caller('ada', 'write', ['ada', 'acme'])],
    [ADA_READS, caller('ada', 'read', ['ada', 'acme'])],
    [BOB_WRITES, caller('bob', 'write', ['bob'])],
  ])
  readonly stored = new Map<string, EndpointWithStatus>()
  /** Told after each change of an endpoint, with its key. */
  readonly changes = new EventEmitter()
  /** The lines that `logs` answers; set it to a source of your own. */
  logLines: (signal: AbortSignal) => AsyncIterable<string> = async function* () {
    yield* ['first line', 'second line']
  }
  readonly logQueries: unknown[] = []
  readonly revoked: string[] = []
  offered: HardwareFile = { instanceTypes: [], includeMachine: true }

  async authenticate(token: string) {
    return this.callers.get(token)
  }

  async namespaceExists(name: string) {
    return ['ada', 'acme', 'bob'].includes(name)
  }

  async vendors(namespace: string | undefined) {
    const quota = {
      maxAccelerators: 8,
      usedAccelerators: namespace === undefined ? 0 : this.#count(namespace),
    }
    const compute = {
      id: 'local-here-cpu-x1',
      accelerator: 'cpu' as const,
      instanceType: 'cpu',
      instanceSize: 'x1',
      architecture: 'x86_64',
      numAccelerators: 1,
      memoryGb: 2,
      gpuMemoryGb: null,
      pricePerHour: 0,
      status: 'available' as const,
      quota,
    }
    const region = { name: 'here', label: 'This machine', status: 'available', computes: [compute] }
    return { vendors: [{ name: 'local', status: 'available', regions: [region] }] }
  }

  async quotas(namespace: string) {
    const used = { architecture: 'x86_64', instanceType: 'cpu', maxAccelerators: 8 }
    return { vendors: [{ name: 'local', quotas: [{ ...used, usedAccelerators: this.#count(namespace) }] }] }
  }

  async searchHub({ search }: { readonly search: string }) {
    return { hub: 'https://hub.example', problem: `Nobody looks for "${search}" here.`, items: [] }
  }

  async recommend({ repository }: { readonly repository: string }) {
    const unknown = { task: null, library: null, parameters: null, dtype: null, maxContext: null }
    return {
      repository,
      revision: null,
      model: { ...unknown, weightBytes: null, kvBytesPerToken: null, handler: null, requirements: null },
      files: [],
      engine: null,
      refusals: [{ engine: 'any', reason: 'Nothing runs here.' }],
      context: null,
      concurrency: null,
      suggestedCompute: null,
      instances: [],
      measured: null,
      endpoint: null,
      notes: [],
    }
  }

  readonly hardware: HardwareService = {
    read: async () => this.offered,
    put: async (_id, type) => {
      this.offered = { ...this.offered, instanceTypes: [...this.offered.instanceTypes, type] }
      return this.offered
    },
    remove: async (id) => {
      const instanceTypes = this.offered.instanceTypes.filter((type) => hardwareId(type) !== id)
      this.offered = { ...this.offered, instanceTypes }
      return this.offered
    },
  }

  async system() {
    return {
      version: '0.0.0',
      startedAt: NOW,
      url: 'http://127.0.0.1:8080',
      home: '/home/ada/.berth',
      store: 'sqlite' as const,
      runtimes: [{ name: 'process', notices: [] }],
      gateways: [],
      endpoints: { running: this.stored.size },
      memory: { totalBytes: 1, reservedBytes: 0 },
      certificate: null,
    }
  }

  #count(namespace: string): number {
    return [...this.stored.values()].filter((endpoint) => endpoint.namespace === namespace).length
  }

  readonly #find = ({ namespace, name }: EndpointName): EndpointWithStatus => {
    const found = this.stored.get(`${namespace}/${name}`)
    if (found) return found
    throw new PlatformError('not_found', `There is no endpoint "${name}" in the namespace "${namespace}".`)
  }

  readonly #save = (endpoint: EndpointWithStatus): EndpointWithStatus => {
    const key = `${endpoint.namespace}/${endpoint.name}`
    this.stored.set(key, endpoint)
    this.changes.emit('change', key)
    return endpoint
  }

  readonly #inState = (name: EndpointName, state: EndpointWithStatus['status']['state']) => {
    const endpoint = this.#find(name)
    return this.#save({ ...endpoint, status: { ...endpoint.status, state } })
  }

  readonly endpoints: EndpointService = {
    list: async (namespace) => {
      const items = [...this.stored.values()].filter((endpoint) => endpoint.namespace === namespace)
      return { items, nextCursor: null, totalItems: items.length }
    },
    create: async (namespace, body, { actor }) => {
      if (this.stored.has(`${namespace}/${body.name}`)) {
        throw new PlatformError('conflict', `There is an endpoint "${body.name}" already.`)
      }
      return this.#save(accepted(namespace, body, actor))
    },
    get: async (name) => this.#find(name),
    update: async (name, body) => {
      const endpoint = this.#find(name)
      return this.#save({ ...endpoint, type: body.type ?? endpoint.type, tags: body.tags ?? endpoint.tags })
    },
    delete: async (name) => {
      this.#find(name)
      this.stored.delete(`${name.namespace}/${name.name}`)
    },
    pause: async (name) => this.#inState(name, 'paused'),
    resume: async (name) => {
      if (this.#find(name).status.state === 'paused') return this.#inState(name, 'running')
      throw new PlatformError('already_running', `The endpoint "${name.name}" is already running.`)
    },
    scaleToZero: async (name) => this.#inState(name, 'scaledToZero'),
    watch: (name, signal) => this.#watch(name, signal),
    replicas: async (name) => {
      this.#find(name)
      const status = { stage: 'running' as const, live: true }
      return { items: [{ id: 'abcdefgh-ijklm', status, revision: 1, startedAt: NOW }] }
    },
    planUpdate: async (name, body) => plan(this.#find(name), body.tags ?? []),
    planRollback: async (name) => plan(this.#find(name), []),
    rollback: async (name) => this.#save(this.#find(name)),
    revisions: async (name) => {
      const { status } = this.#find(name)
      return {
        items: [
          {
            number: 1,
            createdAt: NOW,
            createdBy: status.createdBy,
            runs: 1,
            restarts: true,
            imageDigest: null,
            changes: null,
            spec: {},
          },
        ],
      }
    },
    decisions: async (name) => {
      const { readyReplica: to } = this.#find(name).status
      const why = { term: 'minimum', sentence: '1 replica: the minimum.', inputs: {}, alternative: null }
      const plain = { holdsUntil: null, infeasible: false, terms: null, until: null }
      return {
        items: [{ sequence: 1, kind: 'change', at: NOW, from: 0, to, ...why, ...plain }],
        present: null,
      }
    },
    events: async (name, limit) => {
      const event = { at: NOW, actor: 'ada', kind: 'created', endpoint: this.#find(name).name }
      return { items: [{ ...event, sequence: limit, message: 'was created', details: {} }] }
    },
  }

  readonly insight: InsightService = {
    logs: async (name, query, signal) => {
      this.#find(name)
      this.logQueries.push(query)
      return this.logLines(signal)
    },
    logLines: async (name) => {
      this.#find(name)
      return [logLine('1-a', 'first line')]
    },
    followLogLines: async (name, query) => {
      this.#find(name)
      this.logQueries.push(query)
      return (async function* () {
        yield logLine('2-a', 'as it <comes>')
      })()
    },
    metrics: async (name) => ({ ...emptyMetrics(), replicaIds: [this.#find(name).name] }),
    graphs: async (name) => ({ ...emptyGraphs(), replicaIds: [this.#find(name).name] }),
    openMetrics: async (name) => `http_requests_total{endpoint="${this.#find(name).name}"} 1`,
    timeline: async (name) => ({
      start: NOW,
      stop: NOW,
      replicas: [{ id: this.#find(name).name, revision: 1, spans: [], gone: null }],
      events: [],
      nextCursor: null,
    }),
    whatIf: async (name) => {
      const { compute } = this.#find(name)
      return { ...noRequests, scaling: compute.scaling }
    },
    live: (_namespace, after) =>
      (async function* () {
        yield { type: 'ready', id: `${after ?? 'none'}-1`, missed: after === undefined } as const
      })(),
    systemMetrics: async ({ user }) => `berth_control_for{user="${user}"} 1`,
  }

  async *#watch(name: EndpointName, signal: AbortSignal): AsyncIterable<EndpointWithStatus> {
    const changes = on(this.changes, 'change', { signal })
    yield this.#find(name)
    for await (const [key] of changes) {
      if (key === `${name.namespace}/${name.name}`) yield this.#find(name)
    }
  }

  readonly tokens: TokenService = {
    list: async ({ user }) => ({ items: [tokenView('first', user)] }),
    create: async (body, { user }) => ({
      ...tokenView(body.name, user),
      role: body.role,
      token: 'berth_new',
    }),
    revoke: async (id) => {
      if (id !== 'first') throw new PlatformError('not_found', `You have no token "${id}".`)
      this.revoked.push(id)
    },
    createSignInCode: async ({ user }) => ({
      code: `code-of-${user}`,
      expiresAt: NOW,
      url: `http://127.0.0.1:8080/#sign-in=code-of-${user}`,
    }),
    signIn: async (code) => {
      if (!code.startsWith('code-of-'))
        throw new PlatformError('unauthenticated', 'This link was used already.')
      return { ...tokenView('console', code.slice('code-of-'.length)), token: 'berth_new' }
    },
    signOut: async ({ tokenId }) => {
      this.revoked.push(tokenId)
    },
  }
}

const logLine = (id: string, line: string) => ({
  id,
  timestamp: NOW,
  line,
  stream: 'stdout' as const,
  replica_id: 'abcdefgh-ijklm',
  level: null,
})

const emptyMetrics = (): MetricsAnswer => ({
  start: NOW,
  stop: NOW,
  stepSeconds: 10,
  replicaIds: [],
  times: [],
  series: [],
  summary: {
    requests: {},
    latency: null,
    timeToFirstToken: null,
    interToken: null,
    inputTokens: 0,
    outputTokens: 0,
    cachedTokens: 0,
  },
  limits: { maxReplica: 1, cpus: 1, memoryBytes: 1, gpus: 0, gpuMemoryBytes: 0 },
  markers: [],
})

function emptyGraphs(): AllGraphs {
  const none = { series: [] }
  return {
    start: NOW,
    stop: NOW,
    timeWindowSeconds: 60,
    replicaIds: [],
    hardwareCpu: none,
    hardwareMem: none,
    hardwareGpu: none,
    hardwareGpuMem: none,
    pendingRequest: none,
    replicasRunning: none,
    replicasStatus: none,
    responseElapsed: none,
    responseStatusCode: none,
    responseStatusCodeGrouped: none,
    inference: { timeToFirstToken: none, interTokenLatency: none },
  }
}

const plan = ({ status, tags }: EndpointWithStatus, wanted: readonly string[]): UpdatePlan => ({
  changes: [{ path: 'tags', from: tags, to: wanted }],
  revision: status.generation + 1,
  restarts: false,
  replicas: 0,
  reason: 'Nothing restarts.',
  pricePerHour: { from: 0, to: 0 },
})

const tokenView = (name: string, user: string) => ({
  id: 'first',
  name,
  prefix: 'berth_abc',
  role: 'write' as const,
  user,
  createdAt: NOW,
  expiresAt: null,
  lastUsedAt: null,
})

function accepted(namespace: string, body: Endpoint, by: Caller['actor']): EndpointWithStatus {
  const { settings } = variantOf(body.model.image)
  const healthRoute = ('healthRoute' in settings && settings.healthRoute) || '/health'
  const {
    fromCatalog = false,
    secrets = {},
    env = {},
    args = [],
    command = [],
    ...model
  } = Model.parse(body.model)
  return {
    name: body.name,
    namespace,
    type: body.type,
    accountId: null,
    provider: body.provider,
    compute: { ...body.compute, id: 'local-here-cpu-x1' },
    model: {
      ...model,
      revision: model.revision ?? null,
      task: model.task ?? null,
      args,
      command,
      env,
      secrets: Object.fromEntries(Object.keys(secrets).map((name) => [name, ''])),
      fromCatalog,
    },
    healthRoute,
    tags: body.tags ?? [],
    cacheHttpResponses: false,
    route: null,
    privateService: null,
    experimentalFeatures: {},
    status: {
      state: 'running',
      message: 'ready',
      errorMessage: null,
      createdAt: NOW,
      createdBy: by,
      updatedAt: NOW,
      updatedBy: by,
      readyReplica: 1,
      targetReplica: 1,
      url: 'http://127.0.0.1:8080/ada/guide',
      private: null,
      lastUsedAt: null,
      inferenceMetricsEnabled: false,
      generation: 1,
      observedGeneration: 1,
      progress: null,
    },
  }
}

const noRequests = {
  start: NOW,
  stop: NOW,
  complete: true,
  pricePerHour: 0,
  startMs: [],
  requests: {
    atMs: [],
    inputTokens: [],
    cachedTokens: [],
    outputTokens: [],
    heldMs: [],
    durationMs: [],
    firstTokenMs: [],
    interTokenMs: [],
    replica: [],
  },
}
