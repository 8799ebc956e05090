/**
 * The state of an endpoint: worked out from the facts at each look, never set by hand.
 */
import type { EndpointState, Progress, RouterStatus, StartFailure } from '@berth/contract'
import type { EndpointId, Replica } from './replica.ts'
import type { StartFailures } from './start-failures.ts'
import type { ExpectedStart } from './start-times.ts'

/** The reconciler's report, as stored. */
export type StatusRecord = {
  readonly endpointId: EndpointId
  readonly state: EndpointState
  readonly message: string
  readonly errorMessage: string | null
  /** Absent in what an older Berth wrote down. */
  readonly failure?: StartFailure | null
  readonly readyReplica: number
  readonly targetReplica: number
  /** The generation this speaks of. */
  readonly observedGeneration: number
  readonly progress: Progress | null
  /** Of its own router; absent where it has none. */
  readonly router?: RouterStatus
  readonly lastUsedAt: number | null
  /** What is remembered of failed starts, so that a restart does not begin a crash loop anew. */
  readonly failures: readonly StartFailures[]
  /** The most memory that a replica was seen to use; absent in what an older Berth wrote down. */
  readonly footprint?: MeasuredFootprint | null
  /** The newest revision that was ever ready: what serves when a later one does not come up. */
  readonly lastReadyRevision: number | null
  /** How long the last starts took, newest last. Absent in reports of older versions. */
  readonly startTimes?: readonly number[]
  /** Of the start under way, or of the next one. */
  readonly start?: ExpectedStart | null
  readonly at: number
}

export type MeasuredFootprint = {
  readonly revision: number
  readonly memoryBytes: number
  readonly at: number
}

export type StatusFacts = {
  readonly paused: boolean
  /** How many replicas should run. */
  readonly wanted: number
  /** The revision whose replicas should run. */
  readonly revision: number
  /** The revision that serves instead, because this one did not come up. */
  readonly fallback: number | undefined
  readonly replicas: readonly Replica[]
  /** Of `revision`. */
  readonly failure: StartFailures | undefined
  /** Why no replica can be started now although one is wanted: "4 GiB of memory short". */
  readonly shortage: string | undefined
  readonly progress: Progress | undefined
}

export type DerivedStatus = {
  readonly state: EndpointState
  readonly message: string
  readonly errorMessage: string | null
  readonly failure: StartFailure | null
  readonly readyReplica: number
  readonly progress: Progress | null
}

export function deriveStatus(facts: StatusFacts): DerivedStatus {
  const serving = facts.replicas.filter((replica) => replica.phase === 'ready')
  const { state, message, errorMessage = null } = judge(facts, serving)
  const inMotion = state === 'initializing' || state === 'pending' || state === 'updating'
  return {
    state,
    message,
    errorMessage,
    failure: errorMessage === null ? null : (facts.failure?.failure ?? null),
    readyReplica: serving.length,
    progress: inMotion ? (facts.progress ?? null) : null,
  }
}

type Judgement = {
  readonly state: EndpointState
  readonly message: string
  readonly errorMessage?: string | null
}

function judge(facts: StatusFacts, serving: readonly Replica[]): Judgement {
  const { failure } = facts
  const current = serving.filter((replica) => replica.revision === facts.revision).length
  const outdated = serving.length - current

  if (facts.paused) return { state: 'paused', message: 'Paused. Resume it to serve again.' }
  if (failure?.final && facts.fallback !== undefined) {
    const message = 'The last update did not come up; the revision before it still serves.'
    return { state: 'updateFailed', message, errorMessage: failure.reason }
  }
  if (failure?.final && current === 0)
    return { state: 'failed', message: inWords(failure), errorMessage: failure.reason }
  if (facts.wanted === 0)
    return { state: 'scaledToZero', message: 'Scaled to zero. The next request wakes it.' }
  if (outdated > 0) {
    const message = facts.shortage ?? progressMessage(facts.progress) ?? 'Rolling over to the new revision.'
    return { state: 'updating', message, errorMessage: failure?.reason ?? null }
  }
  if (current > 0) return { state: 'running', message: runningMessage(current, facts) }
  if (facts.shortage) return { state: 'pending', message: facts.shortage }
  if (failure) {
    const message = `Trying again after a failed start: ${inWords(failure)}`
    return { state: 'initializing', message, errorMessage: failure.reason }
  }
  const begun = facts.progress !== undefined || facts.replicas.some((replica) => replica.phase === 'starting')
  if (!begun) return { state: 'pending', message: 'Accepted; waiting to be started.' }
  return { state: 'initializing', message: progressMessage(facts.progress) ?? 'Starting the engine.' }
}

/** What happened and what would mend it; everything that is known where nobody recognised it. */
function inWords({ reason, failure }: StartFailures): string {
  return failure && failure.cause !== 'unknown' ? `${failure.summary} ${failure.remedy}`.trim() : reason
}

function runningMessage(ready: number, { wanted, shortage }: StatusFacts): string {
  if (ready >= wanted) return 'Ready.'
  return `Ready with ${ready} of ${wanted} replicas; ${shortage ?? 'more are starting.'}`
}

/** One line about a start under way: what, how far, how fast, how long still. */
export function progressMessage(progress: Progress | undefined): string | undefined {
  if (!progress) return undefined
  switch (progress.phase) {
    case 'waiting':
      return 'Waiting to be started.'
    case 'downloading':
      return downloadMessage(progress)
    case 'starting':
      return 'Starting the engine.'
    case 'loading':
      return 'The engine is loading the model.'
    default:
      return progress.phase satisfies never
  }
}

function downloadMessage({ bytesDone = 0, bytesTotal = 0, bytesPerSecond, etaMs }: Progress): string {
  const percent = bytesTotal > 0 ? ` (${Math.floor((100 * bytesDone) / bytesTotal)} %)` : ''
  const rate = bytesPerSecond ? `, ${megabytes(bytesPerSecond)}/s` : ''
  const left = etaMs === undefined ? '' : `, ${Math.ceil(etaMs / 1_000)} s left`
  return `Downloading weights: ${megabytes(bytesDone)} of ${megabytes(bytesTotal)}${percent}${rate}${left}.`
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`
