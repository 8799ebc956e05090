import { describe, expect, test } from 'vitest'
import { deriveStatus, progressMessage, type StatusFacts } from './endpoint-status.ts'
import type { Replica, ReplicaId, ReplicaPhase } from './replica.ts'
import type { StartFailures } from './start-failures.ts'

const OLD = 1
const NEW = 2
const facts = (changes: Partial<StatusFacts> = {}): StatusFacts => ({
  paused: false,
  wanted: 1,
  revision: NEW,
  fallback: undefined,
  replicas: [],
  failure: undefined,
  shortage: undefined,
  progress: undefined,
  ...changes,
})
const replica = (phase: ReplicaPhase, revision = NEW): Replica => ({
  id: `${phase}-${revision}` as ReplicaId,
  revision,
  phase,
  phaseSince: 0,
  inFlight: 0,
})
const failure = (final: boolean): StartFailures => ({
  revision: NEW,
  count: 2,
  lastAt: 0,
  reason: 'it crashed',
  final,
})

describe('the state of an endpoint', () => {
  test.for<{ when: string; facts: Partial<StatusFacts>; state: string }>([
    { when: 'nothing has begun', facts: {}, state: 'pending' },
    { when: 'no hardware is free', facts: { shortage: '2 GiB short' }, state: 'pending' },
    { when: 'weights are coming', facts: { progress: { phase: 'downloading' } }, state: 'initializing' },
    { when: 'a replica starts', facts: { replicas: [replica('starting')] }, state: 'initializing' },
    { when: 'a start failed and the next comes', facts: { failure: failure(false) }, state: 'initializing' },
    { when: 'starts failed for good', facts: { failure: failure(true) }, state: 'failed' },
    {
      when: 'starts failed for good while none is wanted',
      facts: { failure: failure(true), wanted: 0 },
      state: 'failed',
    },
    { when: 'a replica is ready', facts: { replicas: [replica('ready')] }, state: 'running' },
    {
      when: 'a ready one and a failed start meet',
      facts: { replicas: [replica('ready')], failure: failure(false) },
      state: 'running',
    },
    {
      when: 'old and new run',
      facts: { replicas: [replica('ready', OLD), replica('ready')] },
      state: 'updating',
    },
    {
      when: 'the new one starts beside the old',
      facts: { replicas: [replica('ready', OLD), replica('starting')] },
      state: 'updating',
    },
    {
      when: 'the new one does not come up and the old serves',
      facts: { replicas: [replica('ready', OLD)], failure: failure(true), fallback: OLD },
      state: 'updateFailed',
    },
    {
      when: 'the new one does not come up and the old sleeps',
      facts: { wanted: 0, failure: failure(true), fallback: OLD },
      state: 'updateFailed',
    },
    { when: 'nobody asks', facts: { wanted: 0 }, state: 'scaledToZero' },
    {
      when: 'the last one drains',
      facts: { wanted: 0, replicas: [replica('draining')] },
      state: 'scaledToZero',
    },
    {
      when: 'a person paused it',
      facts: { paused: true, wanted: 0, replicas: [replica('ready')] },
      state: 'paused',
    },
    {
      when: 'a person paused it after it failed',
      facts: { paused: true, failure: failure(true) },
      state: 'paused',
    },
  ])('is $state when $when', ({ facts: changes, state }) => {
    expect(deriveStatus(facts(changes)).state).toBe(state)
  })

  test('counts every ready replica, and says when more are wanted', () => {
    const status = deriveStatus(facts({ wanted: 2, replicas: [replica('ready')] }))
    expect(status).toMatchObject({
      readyReplica: 1,
      message: 'Ready with 1 of 2 replicas; more are starting.',
    })
  })

  test('carries the cause of a failure and the progress of a start', () => {
    expect(deriveStatus(facts({ failure: failure(true) })).errorMessage).toBe('it crashed')
    expect(deriveStatus(facts({ progress: { phase: 'starting' } })).progress).toEqual({ phase: 'starting' })
    expect(
      deriveStatus(facts({ replicas: [replica('ready')], progress: { phase: 'starting' } })).progress,
    ).toBeNull()
  })
})

test('a download says how much, how fast and how long', () => {
  const progress = {
    phase: 'downloading',
    bytesDone: 12_300_000,
    bytesTotal: 94_000_000,
    bytesPerSecond: 8_100_000,
    etaMs: 10_086,
  } as const
  expect(progressMessage(progress)).toBe(
    'Downloading weights: 12.3 MB of 94.0 MB (13 %), 8.1 MB/s, 11 s left.',
  )
  expect(progressMessage({ phase: 'downloading' })).toBe('Downloading weights: 0.0 MB of 0.0 MB.')
})
