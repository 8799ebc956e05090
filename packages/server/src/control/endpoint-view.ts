/** An endpoint as the API shows it. */
import type { EndpointState, EndpointWithStatus } from '@berth/contract'
import { type EndpointRecord, type ScaleTarget, wantedReplicas } from '../domain/endpoint.ts'
import type { StatusRecord } from '../domain/endpoint-status.ts'
import { timeLeft } from '../domain/start-times.ts'

export type ViewFacts = {
  readonly endpoint: EndpointRecord
  readonly status: StatusRecord | undefined
  readonly target: ScaleTarget | undefined
  readonly url: string
  readonly healthRoute: string
  readonly engine: string | undefined
  readonly imageDigest?: string | undefined
  readonly now: number
}

/** Timestamps end in `Z`: Hugging Face clients refuse anything else. */
export const timestamp = (ms: number): string => new Date(ms).toISOString()

export function endpointView(facts: ViewFacts): EndpointWithStatus {
  const { endpoint, status, target, url, healthRoute, engine, imageDigest, now } = facts
  const { spec } = endpoint
  const { scaling } = spec.compute
  return {
    name: spec.name,
    namespace: endpoint.namespace,
    type: spec.type,
    accountId: spec.accountId ?? null,
    provider: spec.provider,
    compute: {
      ...spec.compute,
      scaling: { ...scaling, scaleToZeroTimeout: scaling.scaleToZeroTimeout ?? null },
    },
    model: {
      repository: spec.model.repository,
      revision: spec.model.revision,
      framework: spec.model.framework,
      task: spec.model.task,
      image: redacted(spec.model.image),
      ...(spec.model.adapters && { adapters: { ...spec.model.adapters } }),
      args: [...spec.model.args],
      command: [...spec.model.command],
      env: { ...spec.model.env },
      secrets: Object.fromEntries(spec.model.secretNames.map((name) => [name, ''])),
      fromCatalog: false,
    },
    healthRoute,
    ...(engine && { engine }),
    ...(imageDigest && { imageDigest }),
    tags: [...spec.tags],
    cacheHttpResponses: spec.cacheHttpResponses ?? false,
    route: spec.route ?? null,
    privateService: spec.privateService ?? null,
    customRouter: spec.customRouter ?? null,
    cors: spec.cors ?? null,
    fallback: spec.fallback ?? null,
    experimentalFeatures: spec.experimentalFeatures ?? {},
    routing: spec.routing ?? null,
    limits: spec.limits ?? null,
    status: {
      ...withTimeLeft(stateNow(endpoint, status, target), status, now),
      createdAt: timestamp(endpoint.createdAt),
      createdBy: endpoint.createdBy,
      updatedAt: timestamp(endpoint.updatedAt),
      updatedBy: endpoint.updatedBy,
      footprint: footprintOf(status),
      router: status?.router ?? null,
      readyReplica: status?.readyReplica ?? 0,
      targetReplica: wantedReplicas(endpoint, target),
      url,
      private: null,
      lastUsedAt: status?.lastUsedAt ? timestamp(status.lastUsedAt) : null,
      inferenceMetricsEnabled: true,
      generation: endpoint.generation,
      observedGeneration: status?.observedGeneration ?? 0,
    },
  }
}

function footprintOf(status: StatusRecord | undefined): EndpointWithStatus['status']['footprint'] {
  const measured = status?.footprint
  return measured ? { memoryBytes: measured.memoryBytes, at: timestamp(measured.at) } : null
}

type StateNow = Pick<
  EndpointWithStatus['status'],
  'state' | 'message' | 'errorMessage' | 'failure' | 'progress'
>

/**
 * The last report, unless a later wish already contradicts it. Who pauses, resumes or changes an endpoint must not
 * be told the state from before: a waiter would take an old `running` or `failed` for the answer.
 */
function stateNow(
  endpoint: EndpointRecord,
  status: StatusRecord | undefined,
  target: ScaleTarget | undefined,
): StateNow {
  const say = (state: EndpointState, message: string): StateNow => ({
    state,
    message,
    errorMessage: null,
    failure: null,
    progress: null,
  })
  if (endpoint.paused) return say('paused', 'Paused. Resume it to serve again.')
  if (!status) return say('pending', 'Accepted; waiting to be started.')
  const { state, message, errorMessage, failure = null, progress } = status
  const { observedGeneration, targetReplica } = status
  const wanted = wantedReplicas(endpoint, target)
  if (state === 'paused') return say('pending', 'Resumed; waiting to be started.')
  if (observedGeneration < endpoint.generation) {
    if (state === 'running' || state === 'updateFailed')
      return say('updating', 'Rolling over to the new revision.')
    if (state === 'failed') return say('pending', 'Changed; waiting to be started.')
  }
  if (wanted === 0 && targetReplica > 0 && state !== 'failed' && state !== 'updateFailed') {
    return say('scaledToZero', 'Scaled to zero. The next request wakes it.')
  }
  if (wanted > 0 && state === 'scaledToZero') return say('initializing', 'Waking.')
  return { state, message, errorMessage, failure, progress }
}

/** How long a start still takes, counted from now; a download says so itself, and the start comes after it. */
function withTimeLeft(state: StateNow, status: StatusRecord | undefined, now: number): StateNow {
  const { progress } = state
  const left = progress && timeLeft(status?.start, now)
  if (!left) return state
  return { ...state, progress: { ...progress, etaMs: left.etaMs, etaRangeMs: [...left.rangeMs] } }
}

function redacted(image: EndpointWithStatus['model']['image']): EndpointWithStatus['model']['image'] {
  if (!image.custom?.credentials) return image
  return {
    custom: { ...image.custom, credentials: { username: image.custom.credentials.username, password: '' } },
  }
}
