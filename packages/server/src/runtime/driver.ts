/**
 * The door to the runtime room: what every runtime driver does.
 *
 * A driver makes one place run replicas, and the routers of endpoints beside them: local processes, a Docker daemon,
 * a Kubernetes namespace. It is hands and eyes, never a brain. It does not retry, choose, count or remember: the reconciler does, through `list`,
 * which is the only source of truth about what runs.
 *
 * A new driver is one folder beside this file that passes `conformance.ts`.
 */
import type { InstanceType, Resources } from '../domain/instance-type.ts'
import type { LaunchPlan } from '../domain/launch-plan.ts'
import type { RegistryLogin } from '../domain/registry-login.ts'
import type { EndpointId, ReplicaAddress, ReplicaId } from '../domain/replica.ts'

export interface RuntimeDriver {
  readonly name: string

  /**
   * Starts a replica and returns once the runtime has accepted it; readiness is the prober's business. Starting
   * an id that runs does nothing, so a reconciler that crashed between starting and saving can ask again.
   * One that has ended is not started again until it was stopped.
   *
   * @throws PlatformError `unavailable` if the runtime cannot take it now, `invalid` if it never will (no such
   *   program or image, unknown accelerator).
   */
  start(spec: ReplicaSpec): Promise<void>

  /**
   * Makes what can be made before this replica is started, so that a start with the same spec is faster; any other start
   * is as if nothing had been made. Nothing runs, nothing is listed, and nothing that is counted is held. One for each
   * endpoint: a later one takes the place of the one before. `stop` and `keepOnly` give it back, and it may be lost.
   */
  prepare(spec: ReplicaSpec): Promise<void>

  /**
   * Asks the replica to end, waits up to `graceMs`, then forces it, and forgets it. An id that is not there is
   * already stopped, which is success. Its log stays readable until the driver's limits for old logs remove it.
   */
  stop(id: ReplicaId, options: { readonly graceMs: number }): Promise<void>

  /** Everything this driver runs or ran and was not told to stop, including what an earlier process of ours started. */
  list(): Promise<readonly RunningReplica[]>

  /**
   * Output lines of stdout and stderr, oldest first. With `follow`, until the replica ends or `signal` aborts.
   * An unknown id has no lines.
   */
  logs(id: ReplicaId, options: LogOptions): AsyncIterable<string>

  /**
   * The same output for whoever keeps it: each line with its time and its place. Goes on after the place `after`, also
   * in another process than the one that was there before, and follows until the replica has ended and everything is
   * read. What the runtime did not keep any more is passed over.
   */
  output(id: ReplicaId, options: OutputOptions): AsyncIterable<OutputLine>

  /** What it uses now; `undefined` if it is not running or the runtime cannot tell. */
  stats(id: ReplicaId): Promise<ReplicaStats | undefined>

  /** What this place offers, looked up now. */
  capacity(): Promise<Capacity>

  /**
   * Gives back what is kept for endpoints between their replicas, such as networks and what was prepared, but for these
   * endpoints and those that have a replica. Nothing that runs is touched.
   */
  keepOnly(endpoints: ReadonlySet<EndpointId>): Promise<void>

  /**
   * Calls `listener` when something may have changed, for example when a replica ended. Only a hint: everything
   * still works if it never comes. @returns a function that ends it.
   */
  onChange(listener: (id: ReplicaId) => void): () => void

  /** Ends the watching. What runs goes on; the next driver takes it over. */
  close(): void
}

export type ReplicaSpec = {
  readonly id: ReplicaId
  readonly endpointId: EndpointId
  /** `namespace/name`, for people who look at what runs. */
  readonly endpoint: string
  readonly revision: number
  readonly plan: LaunchPlan
  /** Directory with the artifact's files on this machine; a router has none. */
  readonly modelPath?: string
  /** Directories with the files of its adapters, by what the engine calls them. */
  readonly adapterPaths?: Readonly<Record<string, string>>
  /** The endpoint's own variables, untouched; they come after those of `plan.env`, in which placeholders are filled. */
  readonly env: Readonly<Record<string, string>>
  readonly resources: Resources
  /** The content to run, whatever the tag in the plan means now: `repository@sha256:…`, or the id of a local image. */
  readonly imageDigest?: string
  /** For the registry of a private image. */
  readonly registry?: RegistryLogin
  /** The name of the driver that is to start it, where several stand behind one. */
  readonly runtime?: string | undefined
  readonly role?: Role
}

/** Absent for a replica: what runs serves a model, or shares the requests out among those that do. */
export type Role = 'router'

export type RunningReplica = {
  readonly id: ReplicaId
  readonly endpointId: EndpointId
  readonly endpoint: string
  readonly revision: number
  readonly resources: Resources
  readonly startedAt: number
  /** The name of the driver that runs it, where several stand behind one. */
  readonly runtime?: string
  /** The content that its container runs: `repository@sha256:…`, or the image's id where no registry knows it. */
  readonly imageDigest?: string
  readonly role?: Role
} & (
  | {
      readonly state: 'running'
      readonly address: ReplicaAddress
      /** This machine as it is seen from where the program runs; absent where that is by loopback. */
      readonly hostAddress?: string
    }
  | {
      readonly state: 'exited'
      readonly exitedAt: number
      /** null when a signal ended it or nobody saw it end. */
      readonly exitCode: number | null
      /** For a person: "exited with code 3", "killed by SIGKILL", "used more than its 2 GiB of memory". */
      readonly reason: string
    }
)

export const isReplica = ({ role }: Pick<RunningReplica, 'role'>): boolean => role === undefined

export type LogOptions = {
  /** Only the newest so many of the lines already there. */
  readonly tail?: number
  readonly follow: boolean
  readonly signal: AbortSignal
}

export type OutputOptions = {
  /** The place of the last line that was read. */
  readonly after?: string
  readonly signal: AbortSignal
}

export type OutputLine = {
  readonly text: string
  /** `output` where the runtime has both in one. */
  readonly stream: 'stdout' | 'stderr' | 'output'
  /** When it was written, in milliseconds since the epoch, as well as the runtime knows. */
  readonly at: number
  /** Only this driver can read it. */
  readonly place: string
}

export type ReplicaStats = {
  readonly cpuSeconds: number
  readonly memoryBytes: number
  /** Of the GPUs that it holds, those that say what they do. */
  readonly gpus?: readonly GpuUse[]
}

export type GpuUse = { readonly index: number; readonly usePercent: number; readonly memoryBytes: number }

export type Capacity = {
  readonly instanceTypes: readonly InstanceType[]
  /** All that may be reserved for replicas together. */
  readonly total: Resources
  /** What this runtime cannot do here, said plainly: "no cgroup may be written, so memory limits are not enforced". */
  readonly notices: readonly string[]
  /** The same notices by driver, where several stand behind one; the first is taken where nothing is said. */
  readonly runtimes?: readonly { readonly name: string; readonly notices: readonly string[] }[]
}
