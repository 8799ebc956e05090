import { describe, expect, test } from 'vitest'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import type { RunningReplica } from '../runtime/driver.ts'
import { DrainReports } from './drain-reports.ts'
import { observe, type Sight } from './observe.ts'
import type { ProbeState } from './prober.ts'

const HISTORY = { refused: 0, silent: 0, answered: 0, lastStatus: undefined }

const base = {
  id: 'r1' as ReplicaId,
  endpointId: 'e1' as EndpointId,
  endpoint: 'admin/chat',
  revision: 3,
  resources: { cpus: 1, memoryBytes: 1, gpus: 0 },
  startedAt: 1_000,
}
const running: RunningReplica = { ...base, state: 'running', address: { host: '127.0.0.1', port: 1 } }
const exited: RunningReplica = {
  ...base,
  state: 'exited',
  exitedAt: 5_000,
  exitCode: 3,
  reason: 'exited with code 3',
}
const probe = (state: ProbeState) => ({ state, since: 3_000, history: HISTORY, trackedSince: 2_000 })
const sight = (changes: Partial<Sight>): Sight => ({
  running,
  probe: undefined,
  drainingSince: undefined,
  drained: false,
  stuckSince: undefined,
  ...changes,
})

describe('a replica', () => {
  test.for<{ when: string; sight: Partial<Sight>; phase: string; since: number }>([
    { when: 'runs and was not asked yet', sight: {}, phase: 'starting', since: 1_000 },
    {
      when: 'was found running by a new control process',
      sight: { probe: probe('unknown') },
      phase: 'starting',
      since: 2_000,
    },
    { when: 'loads', sight: { probe: probe('loading') }, phase: 'starting', since: 2_000 },
    { when: 'answers', sight: { probe: probe('ready') }, phase: 'ready', since: 3_000 },
    { when: 'stopped answering', sight: { probe: probe('unhealthy') }, phase: 'failed', since: 3_000 },
    { when: 'ended', sight: { running: exited, probe: probe('ready') }, phase: 'failed', since: 5_000 },
    {
      when: 'was asked to finish',
      sight: { probe: probe('ready'), drainingSince: 4_000 },
      phase: 'draining',
      since: 4_000,
    },
    {
      when: 'ended while it was finishing',
      sight: { running: exited, drainingSince: 4_000 },
      phase: 'draining',
      since: 4_000,
    },
  ])('that $when is $phase', ({ sight: changes, phase, since }) => {
    expect(observe(sight(changes))).toMatchObject({ id: 'r1', revision: 3, phase, phaseSince: since })
  })

  test('that drains is busy until the gateways say otherwise or it ended', () => {
    expect(observe(sight({ drainingSince: 1 })).inFlight).toBe(1)
    expect(observe(sight({ drainingSince: 1, drained: true })).inFlight).toBe(0)
    expect(observe(sight({ drainingSince: 1, running: exited })).inFlight).toBe(0)
  })
})

describe('a drain', () => {
  const id = 'r1' as ReplicaId
  test('is over when every connected gateway said so', () => {
    const drains = new DrainReports()
    drains.report('gw-1', id)
    expect(drains.isDrained(id, ['gw-1', 'gw-2'])).toBe(false)
    drains.report('gw-2', id)
    expect(drains.isDrained(id, ['gw-1', 'gw-2'])).toBe(true)
  })

  test('does not wait for a gateway that is gone, nor believe silence', () => {
    const drains = new DrainReports()
    drains.report('gw-1', id)
    expect(drains.isDrained(id, ['gw-1'])).toBe(true)
    expect(drains.isDrained(id, [])).toBe(false)
    drains.forget(id)
    expect(drains.isDrained(id, ['gw-1'])).toBe(false)
  })
})
