/**
 * What judging costs: one judgement by each measure, ten thousand endpoints of which two thousand are awake, and the
 * memory of one that sleeps.
 *
 * The autoscaler itself, on a store and a fake runtime of its own, with the real clock; a gateway reports all that are
 * awake four times a second, as a real one does.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Scaling } from '@berth/contract'
import { Autoscaler } from '../packages/server/src/autoscale/autoscaler.ts'
import type { EndpointRecord } from '../packages/server/src/domain/endpoint.ts'
import type { StatusRecord } from '../packages/server/src/domain/endpoint-status.ts'
import type { EndpointId, Replica, ReplicaId } from '../packages/server/src/domain/replica.ts'
import { scaleSpecOf } from '../packages/server/src/domain/scale/asked-scaling.ts'
import { priorProfile } from '../packages/server/src/domain/scale/prior-profile.ts'
import type { ScaleSample } from '../packages/server/src/domain/scale/scale-sample.ts'
import { firstScaleState, step } from '../packages/server/src/domain/scale/step.ts'
import type { EndpointDemand } from '../packages/server/src/link/messages.ts'
import { systemClock } from '../packages/server/src/platform/clock.ts'
import { silentLog } from '../packages/server/src/platform/log.ts'
import { FakeDriver, FakeRuntime } from '../packages/server/src/runtime/fake/fake-driver.ts'
import { openSqliteStore } from '../packages/server/src/store/sql/sqlite-store.ts'
import { atMost, median, plain, quantile, type Row, report } from './report.ts'

const ENDPOINTS = 10_000
const AWAKE = 2_000
const REPLICAS = 3
const REPORTS_PER_SECOND = 4
const SETTLING_MS = 6_000
const RUN_MS = 20_000
const STEPS = 100_000
/** What a virtual machine does elsewhere meanwhile hits some of the rounds. */
const ROUND_STEPS = 5_000
/** As many as make the code as fast as it gets. */
const WARMING_STEPS = 20_000

const PENDING = { pendingRequests: 1.5 }
const SLO = {
  slo: { firstTokenMs: 2_000, firstTokenMsPerInputToken: 1, interTokenMs: 100, attainment: 0.95 },
}
const MEASURES = {
  'by pending requests': PENDING,
  'by use of hardware': { hardwareUsage: 80 },
  'by a latency promise': SLO,
} satisfies Record<string, Scaling['measure']>

let seed = 7
const home = mkdtempSync(path.join(os.tmpdir(), 'berth-bench-autoscale-'))
try {
  report('Autoscaling', [...judgements(), ...(await installation())])
} finally {
  rmSync(home, { recursive: true })
}

/** The same numbers in every run. */
function chance(): number {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
  return seed / 2 ** 31
}

function judgements(): Row[] {
  return Object.entries(MEASURES).flatMap(([words, measure]) => {
    const us = stepsOf(measure)
    const bound = 'slo' in measure ? 250 : 20
    return [
      plain(`a judgement ${words}, median`, quantile(us.flat(), 0.5), 'µs'),
      atMost(
        `a judgement ${words}, 99th percentile`,
        median(us.map((round) => quantile(round, 0.99))),
        'µs',
        bound,
      ),
    ]
  })
}

/** Hours of a load that swells and ebbs, one sample a second. @returns microseconds of each judgement, in rounds. */
function stepsOf(measure: NonNullable<Scaling['measure']>): number[][] {
  const image = { llamacpp: {} }
  const instance = { cpus: 8, gpus: 1 }
  const profile = priorProfile({ weightBytes: 16e9, instance, image, startMs: 90_000 })
  const spec = scaleSpecOf(scaling(measure), { pricePerHour: 1, profile })
  const took: number[] = []
  let now = Date.UTC(2026, 5, 3, 12)
  let state = firstScaleState(REPLICAS, now)
  for (let i = 0; i < WARMING_STEPS + STEPS; i++) {
    now += 1_000
    const sample = sampleAt(i, Math.max(1, state.count))
    const begun = process.hrtime.bigint()
    ;({ state } = step(state, sample, spec, now))
    if (i >= WARMING_STEPS) took.push(Number(process.hrtime.bigint() - begun) / 1_000)
  }
  return Array.from({ length: STEPS / ROUND_STEPS }, (_, i) =>
    took.slice(i * ROUND_STEPS, (i + 1) * ROUND_STEPS),
  )
}

function sampleAt(i: number, ready: number): ScaleSample {
  const inFlight = Math.round(60 + 50 * Math.sin(i / 600) + 20 * chance())
  const arrivals = Math.round(inFlight * 0.1 * (0.5 + chance()))
  const flow = { ...tokensOf(arrivals, inFlight), interTokenMs: 40 + 20 * chance() }
  const counts = { arrivals, pending: Math.round(inFlight * 0.1 * chance()), waiting: 0, inFlight }
  return { ...counts, hardwareUsage: 40 + 50 * chance(), ready, starting: 0, tokens: flow }
}

function tokensOf(arrivals: number, inFlight: number) {
  return {
    prompt: arrivals * 600,
    generated: inFlight * 20,
    context: inFlight * 800,
    unprefilled: arrivals * 100,
    prefilled: arrivals * 600,
    firstTokens: arrivals,
    lateFirstTokens: Math.floor(arrivals * 0.04),
    answers: arrivals,
    slowAnswers: 0,
  }
}

function scaling(measure: Scaling['measure']): Scaling {
  return { minReplica: 0, maxReplica: 20, scaleToZeroTimeout: 15, ...(measure && { measure }) }
}

async function installation(): Promise<Row[]> {
  setFlagsFromString('--expose_gc')
  const collect = runInNewContext('gc') as () => void
  const store = await openSqliteStore({ file: path.join(home, 'berth.db'), key: Buffer.alloc(32, 7) })
  const driver = new FakeDriver(new FakeRuntime(systemClock), systemClock)
  const stopping = new AbortController()
  const autoscaler = new Autoscaler({ clock: systemClock, log: silentLog, store, driver, hint: () => {} })
  autoscaler.gatewayConnected('gw-bench')
  const running = autoscaler.run(stopping.signal)

  const usedBefore = await usedHeap(collect)
  for (let i = AWAKE; i < ENDPOINTS; i++) look(autoscaler, i, 0)
  const bytes = ((await usedHeap(collect)) - usedBefore) / (ENDPOINTS - AWAKE)
  for (let i = 0; i < AWAKE; i++) look(autoscaler, i, REPLICAS)

  const reporting = keepReporting(autoscaler, stopping.signal)
  await systemClock.sleep(SETTLING_MS)
  const before = process.cpuUsage()
  const begun = performance.now()
  await systemClock.sleep(RUN_MS)
  const { user, system } = process.cpuUsage(before)
  const busyMs = (user + system) / 1_000
  const passedMs = performance.now() - begun
  stopping.abort()
  const makingMs = await reporting
  await running
  await store.close()
  return [
    atMost(
      `${ENDPOINTS} endpoints, ${AWAKE} awake, all judged every 2 s`,
      (100 * (busyMs - makingMs * (RUN_MS / (RUN_MS + SETTLING_MS)))) / passedMs,
      '% of a core',
      25,
    ),
    atMost('memory of an endpoint that sleeps', bytes, 'bytes', 4_096),
  ]
}

async function usedHeap(collect: () => void): Promise<number> {
  // What was learned of an endpoint comes a few turns later.
  await systemClock.sleep(500)
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

function look(autoscaler: Autoscaler, number: number, count: number): void {
  const record = endpoint(number)
  const at = Date.now()
  const replicas = Array.from({ length: count }, (_, i) => replica(number, i))
  // As the store gives it: nothing of it belongs to anybody else.
  const target = { endpointId: record.id, count, reason: 'no request for 900 seconds', at }
  autoscaler.looked(structuredClone(record), status(record.id, at), replicas, structuredClone(target))
}

/** @returns milliseconds that making the reports took, which the gateway pays for. */
async function keepReporting(autoscaler: Autoscaler, signal: AbortSignal): Promise<number> {
  let makingMs = 0
  for (let sequence = 1; !signal.aborted; sequence++) {
    const begun = performance.now()
    const demands: EndpointDemand[] = []
    for (let i = 0; i < AWAKE; i++) demands.push(demand(i))
    makingMs += performance.now() - begun
    autoscaler.demand('gw-bench', sequence, demands)
    await systemClock.sleep(1_000 / REPORTS_PER_SECOND, signal).catch(() => {})
  }
  return makingMs
}

function demand(number: number): EndpointDemand {
  const inFlight = 4 + Math.round(4 * chance())
  const arrivals = chance() < 0.3 ? 1 : 0
  return {
    id: idOf(number),
    arrivals,
    pending: 1,
    waiting: 0,
    inFlight,
    lastActivityAt: Date.now(),
    inFlightByReplica: {},
    tokens: { ...tokensOf(arrivals, inFlight), gaps: inFlight * 5, gapMsSum: inFlight * 5 * 50 },
  }
}

function idOf(number: number): EndpointId {
  return `bench${String(number).padStart(11, '0')}` as EndpointId
}

function endpoint(number: number): EndpointRecord {
  const me = { id: 'admin', name: 'admin' }
  const at = Date.now()
  return {
    id: idOf(number),
    namespace: 'admin',
    paused: false,
    generation: 1,
    version: 1,
    createdAt: at,
    createdBy: me,
    updatedAt: at,
    updatedBy: me,
    spec: {
      name: `endpoint-${number}`,
      type: 'private',
      provider: { vendor: 'local', region: 'default' },
      compute: {
        id: 'cpu-x1',
        accelerator: 'cpu',
        instanceType: 'cpu',
        instanceSize: 'x1',
        // Half of them by each: one is the default, the other the dearest.
        scaling: scaling(number % 2 === 0 ? PENDING : SLO),
      },
      model: {
        repository: 'acme/model',
        revision: null,
        framework: 'custom',
        task: null,
        image: { echo: {} },
        args: [],
        command: [],
        env: {},
        secretNames: [],
      },
      tags: [],
    },
  }
}

function status(endpointId: EndpointId, at: number): StatusRecord {
  return {
    endpointId,
    state: 'running',
    message: '',
    errorMessage: null,
    readyReplica: REPLICAS,
    targetReplica: REPLICAS,
    observedGeneration: 1,
    progress: null,
    lastUsedAt: at,
    failures: [],
    lastReadyRevision: 1,
    startTimes: [30_000],
    at,
  }
}

function replica(number: number, i: number): Replica {
  const id = `${idOf(number).slice(0, 8)}-${i}` as ReplicaId
  return { id, revision: 1, phase: 'ready', phaseSince: Date.now(), inFlight: 0 }
}
