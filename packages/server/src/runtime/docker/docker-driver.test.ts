import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat } from 'node:fs/promises'
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'
import path from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { EndpointId, ReplicaAddress, ReplicaId } from '../../domain/replica.ts'
import { systemClock } from '../../platform/clock.ts'
import { silentLog } from '../../platform/log.ts'
import { type Behaviour, describeRuntimeDriver } from '../conformance.ts'
import type { ReplicaSpec, RunningReplica, RuntimeDriver } from '../driver.ts'
import { createDockerDriver } from './docker-driver.ts'
import { allLines, DockerWorld, firstLine, never, planOf, testDaemon } from './docker-world.ts'
import { sandboxIn } from './sandboxes.ts'

const A = 'replica-a' as ReplicaId
const B = 'replica-b' as ReplicaId
const C = 'replica-c' as ReplicaId
const PATIENCE = { timeout: 15_000, interval: 20 }
const RUN = 'setInterval(() => {}, 1e6)'
const GIB = 2 ** 30
/** Variables that Podman adds. */
const OF_PODMAN = ['TERM', 'container']

test('a daemon that is not there is named, and what to do about it', async () => {
  const connecting = createDockerDriver({
    connection: { socketPath: '/nowhere/docker.sock' },
    installationId: 'test',
    logDirectory: '/nowhere',
    clock: systemClock,
    log: silentLog,
  })
  await expect(connecting).rejects.toMatchObject({
    code: 'unavailable',
    reason: 'docker_unreachable',
    message: expect.stringContaining('/nowhere/docker.sock'),
  })
})

if (testDaemon.socketPath === undefined) {
  test.skip('the Docker driver on a real daemon: run ".ci/with-docker.sh npx vitest run packages/server/src/runtime/docker"', () => {})
} else {
  describeRuntimeDriver('the Docker driver', dockerUnderTest, {
    'fills in where a replica listens and where its model lies':
      'a container listens on all its addresses and sees its model at /repository; the same promise is tested below',
    'gives a replica the environment of its spec and nothing of ours':
      'inside its container a replica listens on another port than outside; the same promise is tested below',
  })
  describe('the Docker driver on a real daemon', onARealDaemon)
}

async function dockerUnderTest() {
  const world = await DockerWorld.create()
  return {
    connect: async () => withModel(await world.connect(), world.modelPath),
    plan: planFor,
    missing: planOf('no-such-program-anywhere'),
    ownVariables: ['PATH', 'HOME', 'HOSTNAME', 'NVIDIA_VISIBLE_DEVICES', ...OF_PODMAN],
    settle: async (driver: RuntimeDriver, { id }: ReplicaSpec, { kind }: Behaviour) => {
      // Asked too early, it would end before it could refuse to, or not hear the question.
      if (kind === 'ignore-term' || kind === 'run') await firstLine(driver, id)
    },
    tearDown: () => world.tearDown(),
  }
}

/** The suite's model directory is on no machine, and a container cannot be given what is not there. */
function withModel(driver: RuntimeDriver, modelPath: string): RuntimeDriver {
  const [start, prepare] = [driver.start.bind(driver), driver.prepare.bind(driver)]
  return Object.assign(driver, {
    start: (spec: ReplicaSpec) => start({ ...spec, modelPath }),
    prepare: (spec: ReplicaSpec) => prepare({ ...spec, modelPath }),
  })
}

function planFor(behaviour: Behaviour): ReplicaSpec['plan'] {
  // The first process of a container ignores every signal that it does not ask for.
  const node = (source: string, ...args: readonly string[]) =>
    planOf('node', '-e', `process.on("SIGTERM", () => process.exit(143)); ${source}`, ...args)
  const write = (expression: string) => `process.stdout.write(${expression} + "\\n"); ${RUN}`
  switch (behaviour.kind) {
    case 'run':
      return node(`console.log("up"); ${RUN}`)
    case 'ignore-term':
      return planOf('node', '-e', `console.log("deaf"); ${RUN}`)
    case 'exit':
      return node(`process.exit(${behaviour.code})`)
    case 'write': {
      const text = (lines: readonly string[]) => JSON.stringify(lines.map((line) => `${line}\n`).join(''))
      return node(
        `process.stdout.write(${text(behaviour.stdout)}); process.stderr.write(${text(behaviour.stderr)}); ${RUN}`,
      )
    }
    case 'show-environment':
      return node(write('JSON.stringify(process.env)'))
    case 'show-arguments':
      return node(write('JSON.stringify(process.argv.slice(1))'), '--', ...behaviour.args)
    default:
      return behaviour satisfies never
  }
}

function onARealDaemon() {
  test('a replica is told its port, its addresses and where its model lies, and answers where the list says', async () => {
    const { world, driver } = await worldForTest()
    const source = `
      const [url, model] = process.argv.slice(1)
      const { hostname, port } = new URL(url)
      require("http").createServer((_, response) => {
        response.end(JSON.stringify({ url, port: process.env.PORT, config: require("fs").readFileSync(model + "/config.json", "utf8") }))
      }).listen(Number(port), hostname, () => console.log("up"))`
    const spec = world.spec(A, source)
    const plan = {
      ...spec.plan,
      command: [...spec.plan.command, 'http://{host}:{port}', '{model}'],
      env: { PORT: '{port}' },
      containerPort: 9123,
    }
    await driver.start({ ...spec, plan })
    expect(await firstLine(driver, A)).toBe('up')
    const [address] = (await driver.list()).map(addressOf)
    const answer = await fetch(`http://${address?.host}:${address?.port}/`)
    expect(await answer.json()).toEqual({
      url: 'http://0.0.0.0:9123',
      port: '9123',
      config: '{"model_type":"test"}',
    })
  })

  test('a replica is given the environment of its spec and nothing of ours', async () => {
    vi.stubEnv('BERTH_TEST_SECRET', 'not for engines')
    onTestFinished(() => void vi.unstubAllEnvs())
    const { world, driver } = await worldForTest()
    const spec = world.spec(A, `console.log(JSON.stringify(process.env)); ${RUN}`, {
      env: { GREETING: 'hello world', PLANNED: 'by the spec', BRACES: '{port}' },
    })
    await driver.start({
      ...spec,
      plan: { ...spec.plan, env: { PLANNED: 'by the plan', MODEL: '{model}' } },
    })
    const shown = JSON.parse(await firstLine(driver, A)) as Record<string, string>
    for (const own of ['PATH', 'HOSTNAME', ...OF_PODMAN]) delete shown[own]
    expect(shown).toEqual({
      HOME: '/tmp',
      NVIDIA_VISIBLE_DEVICES: 'void',
      GREETING: 'hello world',
      PLANNED: 'by the spec',
      BRACES: '{port}',
      MODEL: '/repository',
    })
  })

  test('a replica has no capabilities, cannot gain any, and writes to /tmp alone', async () => {
    const { world, driver } = await worldForTest()
    const source = `
      const fs = require("fs")
      const status = fs.readFileSync("/proc/self/status", "utf8")
      const field = (name) => new RegExp(name + ":\\\\s*(\\\\S+)").exec(status)[1]
      const write = (file) => { try { fs.writeFileSync(file, "x"); return "written" } catch (error) { return error.code } }
      console.log(JSON.stringify({
        effective: field("CapEff"), bounding: field("CapBnd"), noNewPrivs: field("NoNewPrivs"),
        root: write("/x"), model: write("/repository/x"), tmp: write("/tmp/x"),
      })); ${RUN}`
    await driver.start(world.spec(A, source))
    expect(JSON.parse(await firstLine(driver, A))).toEqual({
      effective: '0000000000000000',
      bounding: '0000000000000000',
      noNewPrivs: '1',
      root: 'EROFS',
      model: 'EROFS',
      tmp: 'written',
    })
  })

  test('an image that has to write elsewhere may, if its plan says so', async () => {
    const { world, driver } = await worldForTest()
    const spec = world.spec(A, `require("fs").writeFileSync("/etc/x", "x"); console.log("written"); ${RUN}`)
    await driver.start({ ...spec, plan: { ...spec.plan, writableRoot: true } })
    expect(await firstLine(driver, A)).toBe('written')
  })

  test('engines run as the user that we are told', async () => {
    const { world, driver } = await worldForTest({ user: '1234:5678' })
    await driver.start(world.spec(A, `console.log(process.getuid() + ":" + process.getgid()); ${RUN}`))
    expect(await firstLine(driver, A)).toBe('1234:5678')
  })

  test('a replica is held to its memory, processors, processes and shared memory', async () => {
    const { world, driver } = await worldForTest()
    const spec = world.spec(A, RUN, { resources: { cpus: 1.5, memoryBytes: GIB, gpus: 0 } })
    await driver.start({ ...spec, plan: { ...spec.plan, shmBytes: 123 * 2 ** 20 } })
    expect((await world.inspect(A)).HostConfig).toMatchObject({
      Memory: GIB,
      MemorySwap: GIB,
      CpuQuota: 150_000,
      CpuPeriod: 100_000,
      PidsLimit: 16_384,
      ShmSize: 123 * 2 ** 20,
      RestartPolicy: { Name: 'no' },
    })
  })

  test('a replica that uses more than its memory is ended, and the reason says so', async ({ skip }) => {
    const { world, driver } = await worldForTest()
    skip(await world.isPodman(), 'Podman 4 does not tell with version 1 of cgroups')
    const greedy = 'const all = []; for (;;) all.push(Buffer.alloc(2 ** 22, 1))'
    const resources = { cpus: 1, memoryBytes: 128 * 2 ** 20, gpus: 0 }
    await driver.start(world.spec(A, greedy, { resources }))
    await vi.waitFor(async () => {
      expect(await driver.list()).toMatchObject([
        { state: 'exited', exitCode: null, reason: 'used more than its 0.1 GiB of memory' },
      ])
    }, PATIENCE)
  })

  test('a replica that a signal ended says which', async () => {
    const { world, driver } = await worldForTest()
    await driver.start(world.spec(A, RUN))
    await world.docker.getContainer(A).kill({ signal: 'SIGKILL' })
    await vi.waitFor(async () => {
      expect(await driver.list()).toMatchObject([
        { state: 'exited', exitCode: null, reason: 'killed by SIGKILL' },
      ])
    }, PATIENCE)
  })

  test.for([
    { made: 'when they start', where: 'at their own addresses', interfaces: undefined },
    { made: 'before', where: 'at their own addresses', interfaces: undefined },
    { made: 'when they start', where: 'on loopback, their network being elsewhere', interfaces: '/nowhere' },
    { made: 'before', where: 'on loopback, their network being elsewhere', interfaces: '/nowhere' },
  ])(
    'replicas made $made reach neither another endpoint nor a twin, and are reached $where',
    { timeout: 60_000 },
    async ({ interfaces, made }) => {
      const { world, driver } = await worldForTest(interfaces === undefined ? {} : { interfaces })
      const start = async (spec: ReplicaSpec) => {
        if (made === 'before') await driver.prepare(spec)
        await driver.start(spec)
      }
      const isPodman = await world.isPodman()
      const ids = [A, B, C]
      const serve = `require("http").createServer((_, response) => response.end("hello")).listen(8000, () => console.log("up")); ${RUN}`
      await start(world.spec(A, serve))
      await start(world.spec(B, serve))
      await start(world.spec(C, serve, { endpointId: 'endpoint-2' as EndpointId }))
      for (const id of ids) expect(await firstLine(driver, id)).toBe('up')

      const networks = await Promise.all(ids.map((id) => networkOf(world, id)))
      const addresses = (await driver.list()).map(addressOf)
      const isPublished = addresses.some(({ host }) => host === '127.0.0.1')
      expect(isPublished).toBe(interfaces !== undefined || isPodman)
      const inside = networks.map(({ IPAddress }) => `http://${IPAddress}:8000/`)
      const outside = isPublished
        ? addresses.map(({ port }) => `http://${networks[0]!.Gateway}:${port}/`)
        : []
      const get = `
      const text = (target) => fetch(target, { signal: AbortSignal.timeout(8000) })
        .then((answer) => answer.text(), () => "unreachable")
      Promise.all(process.argv.slice(1).map(text))
        .then((texts) => console.log(texts.join())).then(() => process.exit())`
      const reached = await Promise.all(
        ids.map((id) => output(world, id, ['node', '-e', get, ...inside, ...outside])),
      )
      // Each can be reached at all, and from inside. Podman does not keep twins apart.
      const mayReach = (from: string, to: string) => from === to || (isPodman && from !== C && to !== C)
      expect(reached).toEqual(
        ids.map((from) =>
          [...ids.map((to) => mayReach(from, to)), ...outside.map(() => false)]
            .map((may) => (may ? 'hello' : 'unreachable'))
            .join(),
        ),
      )
      for (const { host, port } of addresses) {
        expect(await (await fetch(`http://${host}:${port}/`)).text()).toBe('hello')
      }
    },
  )

  test('the network of an endpoint waits for its next replica, and goes with the endpoint', async () => {
    const { world, driver } = await worldForTest()
    const network = `berth-${world.installationId}-endpoint-1`
    await Promise.all([driver.start(world.spec(A, RUN)), driver.start(world.spec(B, RUN))])
    expect(await networksOf(world)).toEqual([network])
    const { Id } = await world.docker.getNetwork(network).inspect()
    await driver.stop(A, { graceMs: 1_000 })
    await driver.keepOnly(new Set())
    expect(await networksOf(world)).toEqual([network])
    await driver.stop(B, { graceMs: 1_000 })
    await driver.keepOnly(new Set(['endpoint-1' as EndpointId]))
    await driver.start(world.spec(A, RUN))
    expect(await world.docker.getNetwork(network).inspect()).toMatchObject({ Id })
    await driver.stop(A, { graceMs: 1_000 })
    await driver.keepOnly(new Set())
    expect(await networksOf(world)).toEqual([])
  })

  test('a container that was made before is the one that is started, and began when it was started', async () => {
    const { world, driver } = await worldForTest()
    const spec = world.spec(A, `console.log("up"); ${RUN}`)
    await driver.prepare(spec)
    const { Id, State, Config } = await world.inspect(A)
    expect(State.Status).toBe('created')
    await driver.prepare(spec)
    expect((await world.inspect(A)).Id).toBe(Id)

    const before = Date.now()
    await driver.start(spec)
    expect(await firstLine(driver, A)).toBe('up')
    const [replica] = await driver.list()
    expect(replica).toMatchObject({ id: A, state: 'running' })
    expect(replica!.startedAt).toBeGreaterThanOrEqual(before)
    expect(await world.inspect(A)).toMatchObject({ Id, Config: { Labels: Config.Labels } })

    const [adopted] = await (await world.connect()).list()
    expect(adopted).toEqual({ ...replica, startedAt: expect.any(Number) })
    expect(adopted!.startedAt).toBeGreaterThanOrEqual(before)
  })

  test('what was made before runs in a sandbox that may do nothing, and takes it along whoever stops it', async ({
    skip,
  }) => {
    const { world, driver } = await worldForTest()
    if (await world.isPodman()) skip('Podman makes no sandboxes')
    const spec = world.spec(A, `console.log("up"); ${RUN}`)
    await driver.prepare(spec)
    await driver.start(spec)
    expect(await firstLine(driver, A)).toBe('up')
    const sandbox = await world.inspect(`${A}-sandbox`)
    const processes = await world.docker.getContainer(sandbox.Id).top()
    expect(processes.Processes).toHaveLength(1)
    expect(sandbox.Config.User).toBe('65534:65534')
    expect(sandbox.Mounts).toEqual([])
    expect(sandbox.HostConfig).toMatchObject({
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
    })
    // Its processes, files and devices are the replica's own.
    expect(await output(world, A, ['node', '-e', 'console.log(String(fs.existsSync("/wait")))'])).toBe(
      'false',
    )

    const next = await world.connect()
    expect(await next.list()).toMatchObject([{ id: A, state: 'running' }])
    await next.stop(A, { graceMs: 1_000 })
    expect(await containersOf(world)).toEqual([])
  })

  test.for([
    ['was pruned', async (world: DockerWorld) => world.docker.getContainer(A).remove()],
    ['is in a sandbox that ended', async (world: DockerWorld) => endSandbox(world, 'kill')],
    ['lost its sandbox', async (world: DockerWorld) => endSandbox(world, 'remove')],
    [
      'lost its network',
      async (world: DockerWorld) => {
        await endSandbox(world, 'remove')
        for (const name of await networksOf(world)) await world.docker.getNetwork(name).remove()
      },
    ],
    ['is not what is asked for any more', async () => {}, { env: { CHANGED: 'yes' } }],
    ['is of another id', async () => {}, { id: B }],
  ] as const)('a replica starts all the same where what was made before %s', async ([, spoil, changes]) => {
    const { world, driver } = await worldForTest()
    const spec = world.spec(A, `console.log(process.env.CHANGED ?? "no"); ${RUN}`)
    await driver.prepare(spec)
    await spoil(world)
    const asked = { ...spec, ...changes }
    await driver.start(asked)
    expect(await firstLine(driver, asked.id)).toBe(asked.env['CHANGED'] ?? 'no')
    expect(await containersOf(world)).toEqual([[asked.id, 'running']])
  })

  test('what was made before goes by a stop, with its endpoint, and when another Berth takes over', async () => {
    const { world, driver } = await worldForTest()
    const spec = world.spec(A, RUN)
    await driver.prepare(spec)
    await driver.stop(A, { graceMs: 0 })
    expect(await containersOf(world)).toEqual([])

    await driver.prepare(spec)
    await driver.keepOnly(new Set([spec.endpointId]))
    expect(await containersOf(world)).toEqual(await whatWaits(world))
    await driver.keepOnly(new Set())
    expect(await containersOf(world)).toEqual([])
    expect(await networksOf(world)).toEqual([])

    await driver.prepare(spec)
    await world.connect()
    expect(await containersOf(world)).toEqual([])
    expect(await networksOf(world)).toEqual([])
  })

  test('nothing is made before its time for GPUs, nor of an image that is not there', async () => {
    const { world, driver } = await worldForTest()
    const spec = world.spec(A, RUN)
    await driver.prepare({ ...spec, resources: { ...spec.resources, gpus: 1 } })
    await driver.prepare({ ...spec, plan: { ...spec.plan, image: 'localhost/nobody/made:this' } })
    expect(await containersOf(world)).toEqual([])
    expect(await networksOf(world)).toEqual([])
  })

  test('a network that somebody removed is made again', async () => {
    const { world, driver } = await worldForTest()
    await driver.start(world.spec(A, RUN))
    await driver.stop(A, { graceMs: 1_000 })
    for (const name of await networksOf(world)) await world.docker.getNetwork(name).remove()
    await driver.start(world.spec(A, RUN))
    expect(await driver.list()).toMatchObject([{ id: A, state: 'running' }])
  })

  test('what a start that was cut off left behind is removed', async () => {
    const { world, driver } = await worldForTest()
    await driver.start(world.spec(A, RUN))
    const Labels = (await world.inspect(A)).Config.Labels
    await world.docker.createContainer({ name: B, Image: testDaemon.image, Cmd: ['node'], Labels })
    const lonely = await world.docker.createContainer({
      name: `${C}-sandbox`,
      Image: testDaemon.image,
      Cmd: ['node', '-e', RUN],
      Labels: { 'berth.installation': world.installationId, 'berth.sandbox-of': C },
    })
    await lonely.start()
    await world.docker.createNetwork({
      Name: `berth-${world.installationId}-endpoint-9`,
      Labels: { 'berth.installation': world.installationId, 'berth.endpoint-id': 'endpoint-9' },
    })
    expect(await driver.list()).toMatchObject([{ id: A }])

    const next = await world.connect()
    expect(await next.list()).toMatchObject([{ id: A, state: 'running' }])
    expect(await containersOf(world)).toEqual([[A, 'running']])
    expect(await networksOf(world)).toHaveLength(1)
  })

  test('another installation on the same daemon is neither seen nor touched', async () => {
    const { world, driver } = await worldForTest()
    const { driver: stranger } = await worldForTest()
    await driver.start(world.spec(A, `console.log("mine"); ${RUN}`))
    expect(await firstLine(driver, A)).toBe('mine')
    expect(await stranger.list()).toEqual([])
    expect(await allLines(stranger, A)).toEqual([])
    await stranger.stop(A, { graceMs: 0 })
    await expect(stranger.start(world.spec(A, RUN))).rejects.toMatchObject({ code: 'conflict' })
    expect(await driver.list()).toMatchObject([{ id: A, state: 'running' }])
  })

  test('no value of the environment is in the labels, and nobody else may read the log', async () => {
    const { world, driver } = await worldForTest()
    await driver.start(world.spec(A, RUN, { env: { API_KEY: 'hunter2' } }))
    const { Config } = await world.inspect(A)
    expect(JSON.stringify(Config.Labels)).not.toContain('hunter2')
    await driver.stop(A, { graceMs: 1_000 })
    const file = path.join(world.logDirectory, `${A}.log`)
    expect(await readFile(file, 'utf8')).toBe('')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  test('a line as long as a piece of the daemon is a line of its own', async () => {
    const { world, driver } = await worldForTest()
    const lengths = [16_383, 16_384, 16_385, 40_000, 1]
    const source = `for (const length of ${JSON.stringify(lengths)}) console.log("x".repeat(length)); ${RUN}`
    await driver.start(world.spec(A, source))
    const followed: number[] = []
    for await (const line of driver.logs(A, { follow: true, signal: never })) {
      followed.push(line.length)
      if (followed.length === lengths.length) break
    }
    expect(followed).toEqual(lengths)
    await driver.stop(A, { graceMs: 1_000 })
    expect((await allLines(driver, A)).map(({ length }) => length)).toEqual(lengths)
  })

  test('a follower neither misses nor repeats a line when its connection breaks, again and again', async () => {
    const { world, driver: direct } = await worldForTest()
    const cuttable = await cuttableSocket(world)
    const driver = await world.connect({ connection: { socketPath: cuttable.socketPath } })
    const count = 400
    const source = `
      let i = 0
      const timer = setInterval(() => {
        console.log(i + " " + "x".repeat(i % 7 === 0 ? 40_000 : 5))
        if (++i === ${count}) { clearInterval(timer); ${RUN} }
      }, 4)`
    await direct.start(world.spec(A, source))
    const numbers: number[] = []
    for await (const line of driver.logs(A, { follow: true, signal: never })) {
      numbers.push(Number.parseInt(line, 10))
      if (numbers.length % 90 === 0) cuttable.cut()
      if (numbers.at(-1) === count - 1) break
    }
    expect(numbers).toEqual(Array.from({ length: count }, (_, i) => i))
    expect(cuttable.cuts).toBeGreaterThan(2)
  })

  test('listeners hear of replicas again after the events of the daemon broke off', async () => {
    const { world } = await worldForTest()
    const cuttable = await cuttableSocket(world)
    const driver = await world.connect({ connection: { socketPath: cuttable.socketPath } })
    await driver.start(world.spec(A, RUN))
    const heard = new Set<string>()
    driver.onChange((id) => heard.add(id))
    cuttable.cut()
    heard.clear()
    // Not an event: a look at everything, after the connection was made again.
    await vi.waitFor(() => expect([...heard]).toEqual([A]), PATIENCE)
    heard.clear()
    await world.docker.getContainer(A).kill()
    await vi.waitFor(() => expect([...heard]).toEqual([A]), PATIENCE)
  })

  test('an engine without an image is refused', async () => {
    const { world, driver } = await worldForTest()
    const spec = world.spec(A, RUN)
    const plan = { ...spec.plan, image: undefined }
    await expect(driver.start({ ...spec, plan })).rejects.toMatchObject({
      code: 'invalid',
      reason: 'no_image',
    })
  })

  test('a model that is not on the machine is refused, and nothing is made in its place', async () => {
    const { world, driver } = await worldForTest()
    const modelPath = path.join(world.root, 'not-there')
    await expect(driver.start(world.spec(A, RUN, { modelPath }))).rejects.toMatchObject({
      code: 'invalid',
      reason: 'model_path_missing',
    })
    await expect(stat(modelPath)).rejects.toThrow('ENOENT')
    expect(await driver.list()).toEqual([])
  })

  test('GPUs that the daemon cannot give are refused, and so are more than there are', async () => {
    const gpu = { index: 0, name: 'NVIDIA H200', memoryBytes: 2 ** 37 }
    const gpus = [gpu]
    const discover = async () => ({ cpus: 2, memoryBytes: 8 * GIB, cpuModel: 'Test CPU', gpus, notices: [] })
    const { world, driver } = await worldForTest({ discover })
    const isPodman = await world.isPodman()
    const withGpus = (count: number) =>
      world.spec(A, RUN, { resources: { cpus: 1, memoryBytes: GIB, gpus: count } })
    await expect(driver.start(withGpus(1))).rejects.toMatchObject({
      code: 'invalid',
      reason: isPodman ? undefined : 'gpu_unavailable',
    })
    await expect(driver.start(withGpus(2))).rejects.toThrow('needs 2 GPUs')
    expect(await driver.list()).toEqual([])
    const { notices, instanceTypes } = await driver.capacity()
    const offersGpus = instanceTypes.some(({ id }) => id === 'local-default-nvidia-h200-x1')
    expect(offersGpus).toBe(!isPodman)
    expect(notices).toContainEqual(expect.stringContaining(isPodman ? 'use Docker' : 'container toolkit'))
  })

  test('a daemon is reached over TLS by who can show a certificate, and by nobody else', async () => {
    const { world, driver: direct } = await worldForTest()
    const { port, tls } = await tlsEntrance(world)
    const driver = await world.connect({ connection: { host: 'localhost', port, tls } })
    await driver.start(world.spec(A, `console.log("over TLS"); ${RUN}`))
    expect(await firstLine(driver, A)).toBe('over TLS')
    expect(await driver.list()).toEqual(await direct.list())
    const stranger = world.connect({ connection: { host: 'localhost', port, tls: { ca: tls.ca } } })
    await expect(stranger).rejects.toMatchObject({ code: 'unavailable', reason: 'docker_unreachable' })
    const distrustful = world.connect({
      connection: { host: 'localhost', port, tls: { ...tls, ca: tls.cert } },
    })
    await expect(distrustful).rejects.toMatchObject({ code: 'unavailable', reason: 'docker_unreachable' })
  })
}

async function worldForTest(options: Parameters<typeof DockerWorld.create>[0] = {}) {
  const world = await DockerWorld.create(options)
  onTestFinished(() => world.tearDown())
  return { world, driver: await world.connect() }
}

function addressOf(replica: RunningReplica): ReplicaAddress {
  if (replica.state !== 'running') throw new Error(`replica ${replica.id} does not run`)
  return replica.address
}

/** Of a replica's container, or of the sandbox that it runs in. */
async function networkOf(world: DockerWorld, id: string) {
  const { NetworkSettings } = await world.inspect(sandboxIn(await world.inspect(id)) ?? id)
  const [network] = Object.values(NetworkSettings.Networks)
  if (!network) throw new Error('the container has no network')
  return network
}

/** As an operator could. Podman has none. */
async function endSandbox(world: DockerWorld, how: 'kill' | 'remove'): Promise<void> {
  if (await world.isPodman()) return
  const sandbox = world.docker.getContainer(`${A}-sandbox`)
  await (how === 'kill' ? sandbox.kill() : sandbox.remove({ force: true }))
}

async function networksOf(world: DockerWorld): Promise<string[]> {
  const filters = { label: [`berth.installation=${world.installationId}`] }
  return (await world.docker.listNetworks({ filters })).map(({ Name }) => Name)
}

/** The containers of an endpoint whose next replica waits. */
async function whatWaits(world: DockerWorld) {
  return [[A, 'created'], ...((await world.isPodman()) ? [] : [[`${A}-sandbox`, 'running']])]
}

async function containersOf(world: DockerWorld): Promise<(readonly [string, string])[]> {
  const filters = { label: [`berth.installation=${world.installationId}`] }
  const all = await world.docker.listContainers({ all: true, filters })
  return all.map(({ Names, State }) => [(Names[0] ?? '').slice(1), State] as const).toSorted()
}

/** What a program in a replica's container writes. */
async function output(world: DockerWorld, id: string, command: readonly string[]): Promise<string> {
  const run = await world.docker.getContainer(id).exec({ Cmd: [...command], AttachStdout: true, Tty: true })
  const stream = await run.start({ Tty: true })
  return Buffer.concat(await Array.fromAsync(stream as AsyncIterable<Buffer>))
    .toString()
    .trim()
}

/** A socket that leads to the daemon and whose connections can be broken. */
async function cuttableSocket(world: DockerWorld) {
  const connections = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = createConnection(testDaemon.socketPath ?? '')
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      connections.add(from)
      from.pipe(to)
      from
        .on('error', () => {})
        .on('close', () => {
          connections.delete(from)
          to.destroy()
        })
    }
  })
  const socketPath = path.join(world.root, 'cuttable.sock')
  server.listen(socketPath)
  await once(server, 'listening')
  const cuttable = {
    socketPath,
    cuts: 0,
    cut() {
      cuttable.cuts += 1
      for (const connection of connections) connection.destroy()
    },
  }
  onTestFinished(() => {
    server.close()
    cuttable.cut()
  })
  return cuttable
}

/** A port that leads to the daemon, as one that was started with `--tlsverify`. */
async function tlsEntrance(world: DockerWorld) {
  const openssl = (...args: readonly string[]) => promisify(execFile)('openssl', args, { cwd: world.root })
  const certificate = (name: string, ...more: readonly string[]) =>
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '1',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-subj',
      `/CN=${name}`,
      ...more,
    )
  await certificate('ca')
  const issued = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-addext', 'basicConstraints=CA:FALSE']
  await certificate('server', ...issued, '-addext', 'subjectAltName=DNS:localhost')
  await certificate('client', ...issued)
  const read = (name: string) => readFile(path.join(world.root, name), 'utf8')
  const [ca, cert, key] = await Promise.all(['ca.pem', 'server.pem', 'server.key'].map(read))
  const server = createTlsServer({ ca, cert, key, requestCert: true, rejectUnauthorized: true }, (client) => {
    const upstream = createConnection(testDaemon.socketPath ?? '')
    client.pipe(upstream).pipe(client)
    client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy())
    upstream.on('error', () => client.destroy()).on('close', () => client.destroy())
  })
  server.listen(0, 'localhost')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  return { port, tls: { ca: ca ?? '', cert: await read('client.pem'), key: await read('client.key') } }
}
