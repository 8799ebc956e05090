/**
 * What every runtime driver owes its callers, done once around any of them.
 *
 * Verbs about one replica run one after the other. A verb that never answers ends as `unavailable`, so a hung
 * runtime cannot hang the reconciler. Whatever else a driver throws becomes a `PlatformError` with its cause.
 */
import { messageOf, PlatformError } from '../domain/errors.ts'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import type { Clock } from '../platform/clock.ts'
import type {
  Capacity,
  LogOptions,
  OutputLine,
  OutputOptions,
  ReplicaSpec,
  ReplicaStats,
  RunningReplica,
  RuntimeDriver,
} from './driver.ts'

export type DriverTimeouts = {
  readonly startTimeoutMs: number
  /** Beyond the grace that the replica was given. */
  readonly stopTimeoutMs: number
  readonly listTimeoutMs: number
  readonly statsTimeoutMs: number
  readonly capacityTimeoutMs: number
  readonly keepOnlyTimeoutMs: number
}

export const DRIVER_TIMEOUTS: DriverTimeouts = {
  startTimeoutMs: 60_000,
  stopTimeoutMs: 30_000,
  listTimeoutMs: 15_000,
  statsTimeoutMs: 10_000,
  capacityTimeoutMs: 20_000,
  keepOnlyTimeoutMs: 30_000,
}

export class GuardedDriver implements RuntimeDriver {
  readonly name: string
  readonly #inner: RuntimeDriver
  readonly #clock: Clock
  readonly #timeouts: DriverTimeouts
  /** The last verb in line for each replica; never rejects. */
  readonly #last = new Map<ReplicaId, Promise<void>>()

  constructor(inner: RuntimeDriver, clock: Clock, timeouts: DriverTimeouts = DRIVER_TIMEOUTS) {
    this.name = inner.name
    this.#inner = inner
    this.#clock = clock
    this.#timeouts = timeouts
  }

  start(spec: ReplicaSpec): Promise<void> {
    return this.#inTurn(spec.id, () =>
      this.#guarded(`start replica ${spec.id}`, this.#timeouts.startTimeoutMs, () => this.#inner.start(spec)),
    )
  }

  prepare(spec: ReplicaSpec): Promise<void> {
    const { startTimeoutMs } = this.#timeouts
    return this.#inTurn(spec.id, () =>
      this.#guarded(`prepare replica ${spec.id}`, startTimeoutMs, () => this.#inner.prepare(spec)),
    )
  }

  stop(id: ReplicaId, options: { readonly graceMs: number }): Promise<void> {
    const timeoutMs = options.graceMs + this.#timeouts.stopTimeoutMs
    return this.#inTurn(id, () =>
      this.#guarded(`stop replica ${id}`, timeoutMs, () => this.#inner.stop(id, options)),
    )
  }

  list(): Promise<readonly RunningReplica[]> {
    return this.#guarded('list its replicas', this.#timeouts.listTimeoutMs, () => this.#inner.list())
  }

  /** Without a timeout: a follower waits as long as a replica is silent, and ends by its signal. */
  async *logs(id: ReplicaId, options: LogOptions): AsyncIterable<string> {
    try {
      yield* this.#inner.logs(id, options)
    } catch (error) {
      throw this.#asPlatformError(`read the log of replica ${id}`, error)
    }
  }

  /** Without a timeout, as logs are. */
  async *output(id: ReplicaId, options: OutputOptions): AsyncIterable<OutputLine> {
    try {
      yield* this.#inner.output(id, options)
    } catch (error) {
      throw this.#asPlatformError(`read the output of replica ${id}`, error)
    }
  }

  stats(id: ReplicaId): Promise<ReplicaStats | undefined> {
    const act = () => this.#inner.stats(id)
    return this.#guarded(`measure replica ${id}`, this.#timeouts.statsTimeoutMs, act)
  }

  capacity(): Promise<Capacity> {
    const act = () => this.#inner.capacity()
    return this.#guarded('say what it offers', this.#timeouts.capacityTimeoutMs, act)
  }

  keepOnly(endpoints: ReadonlySet<EndpointId>): Promise<void> {
    const act = () => this.#inner.keepOnly(endpoints)
    return this.#guarded('give back what no endpoint needs', this.#timeouts.keepOnlyTimeoutMs, act)
  }

  onChange(listener: (id: ReplicaId) => void): () => void {
    return this.#inner.onChange(listener)
  }

  close(): void {
    this.#inner.close()
  }

  #inTurn(id: ReplicaId, act: () => Promise<void>): Promise<void> {
    const before = this.#last.get(id) ?? Promise.resolve()
    const result = before.then(act)
    const settled = result
      .catch(() => {})
      .then(() => {
        if (this.#last.get(id) === settled) this.#last.delete(id)
      })
    this.#last.set(id, settled)
    return result
  }

  async #guarded<Result>(verb: string, timeoutMs: number, act: () => Promise<Result>): Promise<Result> {
    const answered = new AbortController()
    const timeout = this.#clock.sleep(timeoutMs, answered.signal).then(() => {
      throw new PlatformError(
        'unavailable',
        `The runtime "${this.name}" did not ${verb} within ${timeoutMs / 1000} s. It may hang: look at it, or retry.`,
        { reason: 'runtime_timeout' },
      )
    })
    try {
      return await Promise.race([act(), timeout])
    } catch (error) {
      throw this.#asPlatformError(verb, error)
    } finally {
      timeout.catch(() => {})
      answered.abort()
    }
  }

  #asPlatformError(verb: string, error: unknown): PlatformError {
    if (error instanceof PlatformError) return error
    return new PlatformError(
      'unavailable',
      `The runtime "${this.name}" could not ${verb}: ${messageOf(error)}`,
      { reason: 'runtime_failed', cause: error },
    )
  }
}
