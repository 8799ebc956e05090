/**
 * What every runtime driver must do, as tests.
 *
 * Each driver's own test file calls this with a way to make one. A driver that cannot keep a promise names the test
 * and the reason in `exceptions`, where a reviewer sees it; the suite has no other way to be skipped.
 */
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import type { OutputLine, ReplicaSpec, RunningReplica, RuntimeDriver } from './driver.ts'

/** What a replica under test does; each driver's test knows how to make a program do it. */
export type Behaviour =
  /** Runs until it is stopped. */
  | { readonly kind: 'run' }
  /** The same, and does not end when it is asked to. */
  | { readonly kind: 'ignore-term' }
  /** Ends at once. */
  | { readonly kind: 'exit'; readonly code: number }
  /** Writes lines to its outputs, then runs until it is stopped. */
  | { readonly kind: 'write'; readonly stdout: readonly string[]; readonly stderr: readonly string[] }
  /** Writes its environment as one line of JSON, then runs until it is stopped. */
  | { readonly kind: 'show-environment' }
  /** Writes its arguments as one line of JSON, then runs until it is stopped. */
  | { readonly kind: 'show-arguments'; readonly args: readonly string[] }

export type DriverUnderTest = {
  /** A fresh driver object on the same runtime, as after a restart of the server. */
  connect(): Promise<RuntimeDriver>
  plan(behaviour: Behaviour): ReplicaSpec['plan']
  /** Which of several runtimes is to start everything. */
  readonly runtime?: string
  /** Names of environment variables that this runtime adds for the program's sake. */
  readonly ownVariables: readonly string[]
  /** A plan that names a program which is not there. */
  readonly missing: ReplicaSpec['plan']
  /** Makes sure that whatever is to happen by itself has happened, where the test has to do it. */
  settle(driver: RuntimeDriver, spec: ReplicaSpec, behaviour: Behaviour): Promise<void>
  /** Stops everything and removes what it left. */
  tearDown(): Promise<void>
}

const A = 'replica-a' as ReplicaId
const B = 'replica-b' as ReplicaId
const PATIENCE = { timeout: 10_000, interval: 10 }
const never = new AbortController().signal

export function describeRuntimeDriver(
  name: string,
  setUp: () => Promise<DriverUnderTest>,
  exceptions: Readonly<Record<string, string>> = {},
): void {
  describe(`${name} as a runtime driver`, () => {
    const promise = (title: string, body: (driver: RuntimeDriver, world: World) => Promise<void>) =>
      test.skipIf(title in exceptions)(title, async () => {
        const world = new World(await setUp())
        onTestFinished(() => world.under.tearDown())
        await body(await world.under.connect(), world)
      })

    promise('lists what it started, with everything it was told', async (driver, world) => {
      await world.start(driver, A, { kind: 'run' })
      expect(await driver.list()).toMatchObject([
        {
          id: A,
          endpointId: 'endpoint-1',
          endpoint: 'acme/chat',
          revision: 3,
          resources: RESOURCES,
          state: 'running',
          address: { host: expect.any(String), port: expect.any(Number) },
        },
      ])
    })

    promise(
      'says of a router that it is one, also after a restart, and of a replica that it is none',
      async (driver, world) => {
        const { modelPath: _, ...spec } = world.spec(A, { kind: 'run' })
        await driver.start({ ...spec, role: 'router' })
        await world.start(driver, B, { kind: 'run' })
        const roles = async (one: RuntimeDriver) =>
          new Map((await one.list()).map(({ id, role }) => [id, role]))
        expect(await roles(driver)).toEqual(
          new Map([
            [A, 'router'],
            [B, undefined],
          ]),
        )
        expect(await roles(await world.under.connect())).toEqual(await roles(driver))
      },
    )

    promise('starts one replica when asked twice', async (driver, world) => {
      await world.start(driver, A, { kind: 'run' })
      const [first] = await driver.list()
      await world.start(driver, A, { kind: 'run' })
      expect(await driver.list()).toEqual([first])
    })

    promise('starts one replica when asked twice at the same moment', async (driver, world) => {
      await Promise.all([world.start(driver, A, { kind: 'run' }), world.start(driver, A, { kind: 'run' })])
      expect(await driver.list()).toHaveLength(1)
    })

    promise('gives every replica an address of its own', async (driver, world) => {
      await Promise.all([world.start(driver, A, { kind: 'run' }), world.start(driver, B, { kind: 'run' })])
      const addresses = (await driver.list()).map((replica) => JSON.stringify(addressOf(replica)))
      expect(new Set(addresses).size).toBe(2)
    })

    promise('finds its replicas again after a restart', async (driver, world) => {
      await world.start(driver, A, { kind: 'run' })
      const before = await driver.list()
      const afterRestart = await world.under.connect()
      expect(await afterRestart.list()).toEqual(before)
    })

    promise('stops after a restart what was started before it', async (driver, world) => {
      await world.start(driver, A, { kind: 'run' })
      const afterRestart = await world.under.connect()
      await afterRestart.stop(A, { graceMs: 5_000 })
      expect(await afterRestart.list()).toEqual([])
      expect(await (await world.under.connect()).list()).toEqual([])
    })

    promise('stops once, twice and when nothing is there', async (driver, world) => {
      await world.start(driver, A, { kind: 'run' })
      await driver.stop(A, { graceMs: 5_000 })
      await driver.stop(A, { graceMs: 5_000 })
      await driver.stop('never-started' as ReplicaId, { graceMs: 5_000 })
      expect(await driver.list()).toEqual([])
    })

    promise('starts an id again after it was stopped', async (driver, world) => {
      await world.start(driver, A, { kind: 'run' })
      await driver.stop(A, { graceMs: 5_000 })
      await world.start(driver, A, { kind: 'run' })
      expect(await driver.list()).toMatchObject([{ id: A, state: 'running' }])
    })

    promise('forces a replica that does not end when asked', async (driver, world) => {
      await world.start(driver, A, { kind: 'ignore-term' })
      await driver.stop(A, { graceMs: 50 })
      expect(await driver.list()).toEqual([])
    })

    promise('says that a replica ended, when, with which code and why', async (driver, world) => {
      await world.start(driver, A, { kind: 'exit', code: 3 })
      await vi.waitFor(async () => {
        expect(await driver.list()).toMatchObject([
          { id: A, state: 'exited', exitCode: 3, reason: 'exited with code 3', exitedAt: expect.any(Number) },
        ])
      }, PATIENCE)
    })

    promise('does not start again by itself what has ended, until it was stopped', async (driver, world) => {
      await world.start(driver, A, { kind: 'exit', code: 3 })
      await world.untilExited(driver, A)
      await driver.start(world.spec(A, { kind: 'run' }))
      expect(await driver.list()).toMatchObject([{ id: A, state: 'exited' }])
      await driver.stop(A, { graceMs: 5_000 })
      expect(await driver.list()).toEqual([])
    })

    promise('remembers over a restart how a replica ended', async (driver, world) => {
      await world.start(driver, A, { kind: 'exit', code: 3 })
      await world.untilExited(driver, A)
      const before = await driver.list()
      expect(await (await world.under.connect()).list()).toEqual(before)
    })

    promise('tells a listener that a replica ended, until the listener leaves', async (driver, world) => {
      const heard: ReplicaId[] = []
      const deaf: ReplicaId[] = []
      driver.onChange((id) => heard.push(id))
      driver.onChange((id) => deaf.push(id))()
      await world.start(driver, A, { kind: 'exit', code: 0 })
      await vi.waitFor(() => expect(heard).toContain(A), PATIENCE)
      expect(deaf).toEqual([])
    })

    promise(
      'reads both outputs of a replica, and the newest lines only when asked',
      async (driver, world) => {
        await world.start(driver, A, { kind: 'write', stdout: ['one', 'two'], stderr: ['three'] })
        await vi.waitFor(async () => expect(await world.lines(driver, A)).toHaveLength(3), PATIENCE)
        const lines = await world.lines(driver, A)
        expect(lines.toSorted()).toEqual(['one', 'three', 'two'])
        expect(await world.lines(driver, A, 2)).toEqual(lines.slice(1))
        expect(await world.lines(driver, A, 0)).toEqual([])
      },
    )

    promise(
      'gives each line to whoever keeps them, who can go on later and to the end',
      async (driver, world) => {
        await world.start(driver, A, { kind: 'write', stdout: ['one', 'two', 'three'], stderr: [] })
        const kept: OutputLine[] = []
        for await (const line of driver.output(A, { signal: never })) {
          kept.push(line)
          if (kept.length === 3) break
        }
        expect(kept.map(({ text }) => text)).toEqual(['one', 'two', 'three'])
        for (const { at } of kept) expect(at).toBeGreaterThanOrEqual(0)

        const after = kept[0]!.place
        await driver.stop(A, { graceMs: 0 })
        const rest = await Array.fromAsync(driver.output(A, { after, signal: never }))
        expect(rest.map(({ text }) => text)).toEqual(['two', 'three'])
        const end = { after: kept[2]!.place, signal: never }
        expect(await Array.fromAsync(driver.output(A, end))).toEqual([])
        expect(await Array.fromAsync(driver.output(B, { signal: never }))).toEqual([])
      },
    )

    promise('reads long lines and strange characters whole', async (driver, world) => {
      const line = 'grüße 🚢 '.repeat(10_000)
      await world.start(driver, A, { kind: 'write', stdout: [line], stderr: [] })
      await vi.waitFor(async () => expect(await world.lines(driver, A)).toEqual([line]), PATIENCE)
    })

    promise('follows a log until the replica ends', async (driver, world) => {
      await world.start(driver, A, { kind: 'write', stdout: ['one'], stderr: [] })
      const followed = collect(driver.logs(A, { follow: true, signal: never }))
      await vi.waitFor(async () => expect(await world.lines(driver, A)).toEqual(['one']), PATIENCE)
      await driver.stop(A, { graceMs: 5_000 })
      expect(await followed).toEqual(['one'])
    })

    promise('follows a log until its reader has enough', async (driver, world) => {
      await world.start(driver, A, { kind: 'write', stdout: ['one'], stderr: [] })
      const enough = new AbortController()
      for await (const line of driver.logs(A, { follow: true, signal: enough.signal })) {
        expect(line).toBe('one')
        enough.abort()
      }
      expect(await driver.list()).toMatchObject([{ state: 'running' }])
    })

    promise('keeps the log of a replica that was stopped', async (driver, world) => {
      await world.start(driver, A, { kind: 'write', stdout: ['last words'], stderr: [] })
      await vi.waitFor(async () => expect(await world.lines(driver, A)).toEqual(['last words']), PATIENCE)
      await driver.stop(A, { graceMs: 5_000 })
      expect(await world.lines(driver, A)).toEqual(['last words'])
    })

    promise('knows no lines, no use and no listing of an unknown id', async (driver, world) => {
      expect(await world.lines(driver, A)).toEqual([])
      expect(await collect(driver.logs(A, { follow: true, signal: never }))).toEqual([])
      expect(await driver.stats(A)).toBeUndefined()
      expect(await driver.list()).toEqual([])
    })

    promise('measures a running replica and no other', async (driver, world) => {
      await world.start(driver, A, { kind: 'run' })
      await vi.waitFor(async () => {
        const stats = await driver.stats(A)
        expect(stats?.cpuSeconds).toBeGreaterThanOrEqual(0)
        expect(stats?.memoryBytes).toBeGreaterThan(0)
      }, PATIENCE)
      await world.start(driver, B, { kind: 'exit', code: 0 })
      await world.untilExited(driver, B)
      expect(await driver.stats(B)).toBeUndefined()
    })

    promise('fills in where a replica listens and where its model lies', async (driver, world) => {
      await world.start(driver, A, {
        kind: 'show-arguments',
        args: ['{host}:{port}', '--model={model}', '{x}'],
      })
      const [replica] = await driver.list()
      const { host, port } = addressOf(replica)
      expect(await world.shown(driver, A)).toEqual([`${host}:${port}`, '--model=/models/m', '{x}'])
    })

    promise('gives a replica the environment of its spec and nothing of ours', async (driver, world) => {
      vi.stubEnv('BERTH_TEST_SECRET', 'not for engines')
      const spec = world.spec(A, { kind: 'show-environment' })
      const env = { GREETING: 'hello world', PLANNED: 'by the spec', BRACES: '{port}' }
      const plan = { ...spec.plan, env: { PLANNED: 'by the plan', PORT: '{port}' } }
      await driver.start({ ...spec, plan, env })
      await world.under.settle(driver, { ...spec, plan, env }, { kind: 'show-environment' })
      const { port } = addressOf((await driver.list())[0])
      const shown = Object.entries((await world.shown(driver, A)) as Record<string, string>)
      const ofSpec = shown.filter(([variable]) => !world.under.ownVariables.includes(variable))
      expect(Object.fromEntries(ofSpec)).toEqual({ ...env, PORT: String(port) })
    })

    promise('refuses a program that is not there, and forgets the attempt', async (driver, world) => {
      const spec = { ...world.spec(A, { kind: 'run' }), plan: world.under.missing }
      await expect(driver.start(spec)).rejects.toMatchObject({ name: 'PlatformError', code: 'invalid' })
      expect(await driver.list()).toEqual([])
      await world.start(driver, A, { kind: 'run' })
      expect(await driver.list()).toMatchObject([{ id: A, state: 'running' }])
    })

    promise(
      'lists nothing of what was prepared, and starts it as it starts anything',
      async (driver, world) => {
        await driver.prepare(world.spec(A, { kind: 'run' }))
        expect(await driver.list()).toEqual([])
        expect(await driver.stats(A)).toBeUndefined()
        await world.start(driver, A, { kind: 'run' })
        expect(await driver.list()).toMatchObject([{ id: A, state: 'running' }])
        await driver.stop(A, { graceMs: 5_000 })
        expect(await driver.list()).toEqual([])
      },
    )

    promise(
      'runs beside what was prepared for it, and is not prepared while it runs',
      async (driver, world) => {
        await world.start(driver, A, { kind: 'run' })
        await driver.prepare(world.spec(A, { kind: 'run' }))
        await driver.prepare(world.spec(B, { kind: 'run' }))
        expect(await driver.list()).toMatchObject([{ id: A, state: 'running' }])
        await driver.stop(B, { graceMs: 0 })
        expect(await driver.list()).toMatchObject([{ id: A, state: 'running' }])
      },
    )

    promise('leaves what runs alone when it gives back what no endpoint needs', async (driver, world) => {
      await world.start(driver, A, { kind: 'run' })
      await driver.keepOnly(new Set())
      expect(await driver.list()).toMatchObject([{ id: A, state: 'running' }])
    })

    promise('says what it offers', async (driver) => {
      const { instanceTypes, total } = await driver.capacity()
      expect(total.memoryBytes).toBeGreaterThan(0)
      for (const type of instanceTypes) expect(type.memoryBytes).toBeLessThanOrEqual(total.memoryBytes)
      expect(new Set(instanceTypes.map(({ id }) => id)).size).toBe(instanceTypes.length)
    })

    afterEach(() => {
      vi.unstubAllEnvs()
    })
  })
}

const RESOURCES = { cpus: 1, memoryBytes: 512 * 2 ** 20, gpus: 0 }

class World {
  readonly under: DriverUnderTest

  constructor(under: DriverUnderTest) {
    this.under = under
  }

  spec(id: ReplicaId, behaviour: Behaviour): ReplicaSpec {
    return {
      id,
      endpointId: 'endpoint-1' as EndpointId,
      endpoint: 'acme/chat',
      revision: 3,
      plan: this.under.plan(behaviour),
      modelPath: '/models/m',
      env: {},
      resources: RESOURCES,
      runtime: this.under.runtime,
    }
  }

  async start(driver: RuntimeDriver, id: ReplicaId, behaviour: Behaviour): Promise<void> {
    const spec = this.spec(id, behaviour)
    await driver.start(spec)
    await this.under.settle(driver, spec, behaviour)
  }

  async untilExited(driver: RuntimeDriver, id: ReplicaId): Promise<void> {
    const exited = expect.arrayContaining([expect.objectContaining({ id, state: 'exited' })])
    await vi.waitFor(async () => expect(await driver.list()).toEqual(exited), PATIENCE)
  }

  async lines(driver: RuntimeDriver, id: ReplicaId, tail?: number): Promise<string[]> {
    const options = { follow: false, signal: never }
    return collect(driver.logs(id, tail === undefined ? options : { ...options, tail }))
  }

  /** What the replica wrote as its one line of JSON. */
  async shown(driver: RuntimeDriver, id: ReplicaId): Promise<unknown> {
    for await (const line of driver.logs(id, { follow: true, signal: never })) return JSON.parse(line)
    throw new Error(`replica ${id} ended without a line`)
  }
}

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = []
  for await (const line of lines) all.push(line)
  return all
}

function addressOf(replica: RunningReplica | undefined) {
  if (replica?.state !== 'running') throw new Error('the replica does not run')
  return replica.address
}
