/**
 * A runtime with nothing behind it, for tests.
 *
 * It is a real driver: it passes `conformance.ts` and runs the whole platform. What a replica would do is said on
 * the runtime: where it answers, what it writes, when it ends. The knobs are the ways in which a runtime
 * disappoints.
 */
import { PlatformError } from '../../domain/errors.ts'
import { fillPlaceholders } from '../../domain/launch-plan.ts'
import type { EndpointId, ReplicaAddress, ReplicaId } from '../../domain/replica.ts'
import type { Clock } from '../../platform/clock.ts'
import type {
  Capacity,
  LogOptions,
  OutputLine,
  OutputOptions,
  ReplicaSpec,
  ReplicaStats,
  RunningReplica,
  RuntimeDriver,
} from '../driver.ts'

const GIB = 2 ** 30

const CAPACITY: Capacity = {
  instanceTypes: [1, 2, 4].map((size) => ({
    id: `local-default-cpu-x${size}`,
    vendor: 'local',
    region: 'default',
    accelerator: 'cpu',
    architecture: 'Fake CPU',
    instanceType: 'cpu',
    instanceSize: `x${size}`,
    cpus: size,
    memoryBytes: size * 2 * GIB,
    gpus: 0,
    gpuMemoryBytes: 0,
    pricePerHour: 0,
  })),
  total: { cpus: 8, memoryBytes: 16 * GIB, gpus: 0 },
  notices: [],
}

type FakeReplica = {
  readonly spec: ReplicaSpec
  /** What the engine would have been given. */
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  state: RunningReplica
}

/** The runtime's own memory, which outlives any one driver object. */
export class FakeRuntime {
  readonly replicas = new Map<ReplicaId, FakeReplica>()
  readonly listeners = new Set<(id: ReplicaId) => void>()
  readonly lines = new Map<ReplicaId, string[]>()
  /** Whom it was told last to keep things for. */
  keptFor: ReadonlySet<EndpointId> | undefined
  /** Everything that was asked of it, in order: "start a", "stop a". */
  readonly calls: string[] = []

  /** Where the next replica answers; a test that has a real server names it here. */
  address: (spec: ReplicaSpec) => ReplicaAddress = (spec) => ({ host: '127.0.0.1', port: portOf(spec.id) })
  capacity: Capacity = CAPACITY
  stats: (id: ReplicaId) => ReplicaStats | undefined = () => ({ cpuSeconds: 1, memoryBytes: 2 ** 20 })

  /** Set it and every `start` fails with it, until it is cleared. */
  refusal: PlatformError | undefined
  /** Verbs named here never answer. */
  readonly hanging = new Set<'start' | 'stop' | 'list' | 'stats' | 'capacity'>()
  /** Set it and nobody is told of any change. */
  isSilent = false

  readonly #clock: Clock
  #written = Promise.withResolvers<void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The replica ends by itself. */
  exit(id: ReplicaId, exitCode: number | null, reason = `exited with code ${exitCode}`): void {
    const replica = this.replicas.get(id)
    if (replica?.state.state !== 'running') return
    const { address: _, ...rest } = replica.state
    replica.state = { ...rest, state: 'exited', exitedAt: this.#clock.now(), exitCode, reason }
    this.changed(id)
  }

  /** The replica writes a line. */
  write(id: ReplicaId, line: string): void {
    const lines = this.lines.get(id) ?? []
    lines.push(line)
    this.lines.set(id, lines)
    this.#wakeReaders()
  }

  get written(): Promise<void> {
    return this.#written.promise
  }

  changed(id: ReplicaId): void {
    this.#wakeReaders()
    if (this.isSilent) return
    for (const listener of this.listeners) listener(id)
  }

  #wakeReaders(): void {
    this.#written.resolve()
    this.#written = Promise.withResolvers()
  }
}

export class FakeDriver implements RuntimeDriver {
  readonly name = 'fake'
  readonly #runtime: FakeRuntime
  readonly #clock: Clock

  constructor(runtime: FakeRuntime, clock: Clock) {
    this.#runtime = runtime
    this.#clock = clock
  }

  async start(spec: ReplicaSpec): Promise<void> {
    this.#runtime.calls.push(`start ${spec.id}`)
    await this.#mayHang('start')
    const { replicas, refusal, address } = this.#runtime
    if (replicas.has(spec.id)) return
    if (refusal) throw refusal
    // An image may bring a program of its own.
    if (spec.plan.command.length === 0 && !spec.plan.image) {
      throw new PlatformError('invalid', `The plan of endpoint "${spec.endpoint}" names no program to start.`)
    }
    const listensOn = address(spec)
    const fill = (text: string) =>
      fillPlaceholders(text, {
        ...listensOn,
        ...(spec.modelPath && { model: spec.modelPath }),
        ...(spec.adapterPaths && { adapters: spec.adapterPaths }),
      })
    const env = Object.entries(spec.plan.env).map(([name, value]) => [name, fill(value)])
    const { id, endpointId, endpoint, revision, resources, role } = spec
    const startedAt = this.#clock.now()
    const replica = { id, endpointId, endpoint, revision, resources, startedAt, ...(role && { role }) }
    replicas.set(id, {
      spec,
      command: spec.plan.command.map(fill),
      env: { ...Object.fromEntries(env), ...spec.env },
      state: { ...replica, state: 'running', address: listensOn },
    })
    this.#runtime.changed(id)
  }

  async prepare(spec: ReplicaSpec): Promise<void> {
    this.#runtime.calls.push(`prepare ${spec.id}`)
  }

  async stop(id: ReplicaId, _options: { readonly graceMs: number }): Promise<void> {
    this.#runtime.calls.push(`stop ${id}`)
    await this.#mayHang('stop')
    if (this.#runtime.replicas.delete(id)) this.#runtime.changed(id)
  }

  async list(): Promise<readonly RunningReplica[]> {
    await this.#mayHang('list')
    return [...this.#runtime.replicas.values()].map(({ state }) => state)
  }

  async *logs(id: ReplicaId, { tail, follow, signal }: LogOptions): AsyncIterable<string> {
    const lines = () => this.#runtime.lines.get(id) ?? []
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    let next = tail === undefined ? 0 : Math.max(0, lines().length - tail)
    while (!signal.aborted) {
      const mayGrow = follow && this.#runtime.replicas.get(id)?.state.state === 'running'
      const { written } = this.#runtime
      const line = lines()[next]
      if (line !== undefined) {
        next += 1
        yield line
      } else if (mayGrow) {
        await Promise.race([written, aborted])
      } else {
        return
      }
    }
  }

  async *output(id: ReplicaId, { after = '0', signal }: OutputOptions): AsyncIterable<OutputLine> {
    let place = Number(after)
    const tail = Math.max(0, (this.#runtime.lines.get(id) ?? []).length - place)
    for await (const text of this.logs(id, { tail, follow: true, signal })) {
      place += 1
      yield { text, stream: 'output', at: this.#clock.now(), place: String(place) }
    }
  }

  async stats(id: ReplicaId): Promise<ReplicaStats | undefined> {
    await this.#mayHang('stats')
    if (this.#runtime.replicas.get(id)?.state.state !== 'running') return undefined
    return this.#runtime.stats(id)
  }

  async capacity(): Promise<Capacity> {
    await this.#mayHang('capacity')
    return this.#runtime.capacity
  }

  async keepOnly(endpoints: ReadonlySet<EndpointId>): Promise<void> {
    this.#runtime.keptFor = endpoints
  }

  onChange(listener: (id: ReplicaId) => void): () => void {
    const { listeners } = this.#runtime
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  close(): void {}

  async #mayHang(verb: 'start' | 'stop' | 'list' | 'stats' | 'capacity'): Promise<void> {
    if (this.#runtime.hanging.has(verb)) await new Promise<never>(() => {})
  }
}

/** The same id has the same port, and different ids nearly always different ones. */
function portOf(id: ReplicaId): number {
  const sum = [...id].reduce((hash, char) => (hash * 31 + char.charCodeAt(0)) % 20_000, 7)
  return 40_000 + sum
}
