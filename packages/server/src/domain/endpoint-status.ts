/**
 * The state of an endpoint: worked out from the facts at each look, never set by hand.
 */
import type { EndpointState, Progress } from '@berth/contract'
import type { EndpointId, Replica } from './replica.ts'
import type { StartFailures } from './start-failures.ts'

/** The reconciler's report, as stored. */
export type StatusRecord = {
  readonly endpointId: EndpointId
  readonly state: EndpointState
  readonly message: string
  readonly errorMessage: string | null
  readonly readyReplica: number
  readonly targetReplica: number
  /** The generation this speaks of. */
  readonly observedGeneration: number
  readonly progress: Progress | null
  readonly lastUsedAt: number | null
  /** What is remembered of failed starts, so that a restart does not begin a crash loop anew. */
  readonly failures: StartFailures | null
  readonly at: number
}

export type StatusFacts = {
  readonly paused: boolean
  /** How many replicas should run. */
  readonly wanted: number
  /** The revision whose replicas should run. */
  readonly revision: number
  readonly replicas: readonly Replica[]
  readonly failures: StartFailures | undefined
  /** Why no replica can be started now although one is wanted: "4 GiB of memory short". */
  readonly shortage: string | undefined
  readonly progress: Progress | undefined
}

export type DerivedStatus = {
  readonly state: EndpointState
  readonly message: string
  readonly errorMessage: string | null
  readonly readyReplica: number
  readonly progress: Progress | null
}

export function deriveStatus(facts: StatusFacts): DerivedStatus {
  const serving = facts.replicas.filter((replica) => replica.phase === 'ready')
  const current = serving.filter((replica) => replica.revision === facts.revision)
  const failure = facts.failures?.revision === facts.revision ? facts.failures : undefined
  const say = (state: EndpointState, message: string, errorMessage: string | null = null): DerivedStatus => ({
    state,
    message,
    errorMessage,
    readyReplica: serving.length,
    progress:
      state === 'initializing' || state === 'pending' || state === 'updating'
        ? (facts.progress ?? null)
        : null,
  })

  if (facts.paused) return say('paused', 'Paused. Resume it to serve again.')
  if (failure?.final) {
    if (serving.length > current.length) {
      return say(
        'updateFailed',
        'The last update did not come up; the revision before it still serves.',
        failure.reason,
      )
    }
    if (current.length === 0) return say('failed', failure.reason, failure.reason)
  }
  if (facts.wanted === 0) return say('scaledToZero', 'Scaled to zero. The next request wakes it.')
  if (serving.length > current.length) {
    return say(
      'updating',
      facts.shortage ?? progressMessage(facts.progress) ?? 'Rolling over to the new revision.',
      failure?.reason ?? null,
    )
  }
  if (current.length > 0) return say('running', runningMessage(current.length, facts.wanted))
  if (facts.shortage) return say('pending', facts.shortage)
  if (failure)
    return say('initializing', `Trying again after a failed start: ${failure.reason}`, failure.reason)
  const begun = facts.progress !== undefined || facts.replicas.some((replica) => replica.phase === 'starting')
  return begun
    ? say('initializing', progressMessage(facts.progress) ?? 'Starting the engine.')
    : say('pending', 'Accepted; waiting to be started.')
}

function runningMessage(ready: number, wanted: number): string {
  return ready >= wanted ? 'Ready.' : `Ready with ${ready} of ${wanted} replicas; more are starting.`
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
