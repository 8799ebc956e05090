/** What needs no daemon: how a replica becomes a container, and what is made of a daemon's words. */
import { expect, test } from 'vitest'
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import type { ReplicaSpec } from '../driver.ts'
import { containerEnd } from './container-end.ts'
import { identityOf, labelsOf } from './container-labels.ts'
import { type ContainerPlace, containerOptions } from './container-options.ts'
import { containerUse } from './container-use.ts'
import { type Daemon, refusalOf } from './daemon.ts'
import { dockerCapacity } from './docker-capacity.ts'
import { PullProgress } from './pull-progress.ts'

const GIB = 2 ** 30
const spec: ReplicaSpec = {
  id: 'replica-a' as ReplicaId,
  endpointId: 'endpoint-1' as EndpointId,
  endpoint: 'acme/chat',
  revision: 3,
  plan: {
    command: ['serve', '--host={host}', '--port={port}', '--model={model}'],
    image: 'acme/engine:1.0',
    env: { PORT: '{port}' },
    containerPort: 8000,
    shmBytes: 0,
  },
  modelPath: '/models/m',
  env: { TOKEN: 'hunter2 {port}' },
  resources: { cpus: 2, memoryBytes: 4 * GIB, gpus: 0 },
}
const STARTED_AT = 1_700_000_000_000
const place: ContainerPlace = {
  daemon: 'docker',
  installationId: 'home',
  startedAt: STARTED_AT,
  gpuIndexes: [],
  digest: 'acme/engine@sha256:0123',
  imageId: 'sha256:4567',
  network: 'berth-home-endpoint-1',
  publishOn: '127.0.0.1',
  user: undefined,
  writableRoot: false,
}

test('labels say all that is known of a replica', () => {
  const labels = labelsOf(spec, { ...place, gpuIndexes: [1, 3] })
  expect(identityOf('/replica-a', labels)).toEqual({
    id: 'replica-a',
    endpointId: 'endpoint-1',
    endpoint: 'acme/chat',
    revision: 3,
    resources: spec.resources,
    startedAt: STARTED_AT,
    containerPort: 8000,
    gpuIndexes: [1, 3],
    imageDigest: 'acme/engine@sha256:0123',
  })
  expect(JSON.stringify(labels)).not.toContain('hunter2')
})

test('a container that is made before its start does not say when that was', () => {
  const labels = labelsOf(spec, { ...place, startedAt: undefined })
  expect(identityOf('/replica-a', labels)).not.toHaveProperty('startedAt')
})

test.for([{}, { 'berth.endpoint-id': 'x' }, { 'berth.endpoint-id': 'x', 'berth.resources': '{"cpus":1}' }])(
  'a container with the labels %j is no replica',
  (labels) => {
    expect(identityOf('/replica-a', labels)).toBeUndefined()
  },
)

test('the whole command is the entrypoint, with its places filled in, and people’s words as they are', () => {
  const options = containerOptions(spec, place)
  expect(options.Entrypoint).toEqual(['serve', '--host=0.0.0.0', '--port=8000', '--model=/repository'])
  expect(options.Cmd).toEqual([])
  expect(options.Env).toEqual([
    'HOME=/tmp',
    'NVIDIA_VISIBLE_DEVICES=void',
    'PORT=8000',
    'TOKEN=hunter2 {port}',
  ])
})

test('a port is published only where the container cannot be reached at its own address', () => {
  const published = containerOptions(spec, place).HostConfig?.PortBindings
  expect(published).toEqual({ '8000/tcp': [{ HostIp: '127.0.0.1', HostPort: '0' }] })
  expect(containerOptions(spec, { ...place, publishOn: undefined }).HostConfig).not.toHaveProperty(
    'PortBindings',
  )
})

test('a plan without a command leaves the command to the image', () => {
  const options = containerOptions({ ...spec, plan: { ...spec.plan, command: [] } }, place)
  expect(options).not.toHaveProperty('Entrypoint')
  expect(options).not.toHaveProperty('Cmd')
})

test('GPUs are asked for one by one, and only then may a replica see any', () => {
  const { HostConfig, Env } = containerOptions(spec, { ...place, gpuIndexes: [2, 5] })
  expect(HostConfig?.DeviceRequests).toEqual([{ DeviceIDs: ['2', '5'], Capabilities: [['gpu']] }])
  expect(Env).not.toContain('NVIDIA_VISIBLE_DEVICES=void')
  expect(containerOptions(spec, place).HostConfig).not.toHaveProperty('DeviceRequests')
})

test('an image that writes anywhere keeps its own home', () => {
  const { HostConfig, Env } = containerOptions(spec, { ...place, writableRoot: true })
  expect(HostConfig?.ReadonlyRootfs).toBe(false)
  expect(Env).not.toContain('HOME=/tmp')
})

test.for([
  [{ ExitCode: 0 }, 0, 'exited with code 0'],
  [{ ExitCode: 3 }, 3, 'exited with code 3'],
  [{ ExitCode: 137 }, null, 'killed by SIGKILL'],
  [{ ExitCode: 139 }, null, 'killed by SIGSEGV'],
  [{ ExitCode: 255 }, 255, 'exited with code 255'],
  [{ ExitCode: 137, OOMKilled: true }, null, 'used more than its 4 GiB of memory'],
  // A helper was lost to the limit, and the program ended well.
  [{ ExitCode: 0, OOMKilled: true }, 0, 'exited with code 0'],
  [{ ExitCode: 128, Error: 'no such device' }, 128, 'exited with code 128 (no such device)'],
] as const)('a container that ended with %j: code %j, %s', ([state, exitCode, reason]) => {
  const ended = { OOMKilled: false, Error: '', FinishedAt: '2026-01-02T03:04:05.678Z', ...state }
  const identity = { ...identityOf('/replica-a', labelsOf(spec, place))!, startedAt: STARTED_AT }
  const exitedAt = Date.parse('2026-01-02T03:04:05.678Z')
  expect(containerEnd(ended, identity)).toEqual({ exitedAt, exitCode, reason })
})

test('a container that never ran ended when it was started', () => {
  const never = { ExitCode: 127, OOMKilled: false, Error: '', FinishedAt: '0001-01-01T00:00:00Z' }
  const identity = { ...identityOf('/replica-a', labelsOf(spec, place))!, startedAt: STARTED_AT }
  expect(containerEnd(never, identity).exitedAt).toBe(STARTED_AT)
})

test.for([
  [
    'OCI runtime create failed: exec: "nope": executable file not found in $PATH: unknown',
    'invalid',
    'program_missing',
  ],
  ['exec: "/x/nope": stat /x/nope: no such file or directory: unknown', 'invalid', 'program_missing'],
  ['could not select device driver "" with capabilities: [[gpu]]', 'invalid', 'gpu_unavailable'],
  [
    'invalid mount config for type "bind": bind source path does not exist: /m',
    'invalid',
    'model_path_missing',
  ],
  ['all predefined address pools have been fully subnetted', 'unavailable', 'no_free_network'],
] as const)('"%s" is %s: %s', ([words, code, reason]) => {
  const error = Object.assign(new Error(`(HTTP code 400) unexpected - ${words} `), { statusCode: 400 })
  const refusal = refusalOf(error, 'Endpoint "acme/chat"')
  expect(refusal).toMatchObject({ code, reason, cause: error })
  expect((refusal as Error).message).toContain(`Endpoint "acme/chat" could not be started: ${words}. `)
})

test('what a daemon says otherwise passes as it is, and so does what no daemon said', () => {
  const unknown = Object.assign(new Error('(HTTP code 500) server error - out of luck '), { statusCode: 500 })
  expect(refusalOf(unknown, 'It')).toBe(unknown)
  const network = new Error('connect ENOENT: no such file or directory: unknown')
  expect(refusalOf(network, 'It')).toBe(network)
})

test.for(['total_inactive_file', 'inactive_file'])(
  'the cache that could be given back (%s) is no use',
  (name) => {
    const stats = {
      cpu_stats: { cpu_usage: { total_usage: 2_500_000_000 } },
      memory_stats: { usage: 3 * GIB, stats: { [name]: GIB } },
    }
    expect(containerUse(stats as never)).toEqual({ cpuSeconds: 2.5, memoryBytes: 2 * GIB })
  },
)

test('a container that ended has no use', () => {
  expect(containerUse(undefined)).toBeUndefined()
  expect(containerUse({ cpu_stats: {}, memory_stats: {} } as never)).toBeUndefined()
})

test('progress counts bytes of layers, those included that are there already', () => {
  const progress = new PullProgress()
  expect(progress.text()).toBe('asking the registry')
  const hear = (event: object) => progress.hear(JSON.stringify(event))
  hear({ status: 'Pulling from acme/engine', id: '1.0' })
  for (const id of ['a', 'b']) hear({ status: 'Pulling fs layer', id })
  hear({ status: 'Downloading', id: 'a', progressDetail: { current: 1e9, total: 4e9 } })
  hear({ status: 'Downloading', id: 'b', progressDetail: { current: 5e8, total: 5e8 } })
  hear({ status: 'Download complete', id: 'b' })
  expect(progress.text()).toBe('1.5 GB of 4.5 GB, 1 of 2 layers')
  hear({ status: 'Pull complete', id: 'a' })
  expect(progress.text()).toBe('4.5 GB of 4.5 GB, 2 of 2 layers')
  expect(hear({ error: 'manifest unknown' })).toBe('manifest unknown')
  expect(progress.hear('not json')).toBeUndefined()
})

const info = {
  NCPU: 4,
  MemTotal: 16 * GIB,
  MemoryLimit: true,
  CpuCfsQuota: true,
  PidsLimit: true,
  Runtimes: {},
}
const machine = { cpus: 8, memoryBytes: 32 * GIB, cpuModel: 'Test CPU', gpus: [], notices: ['a notice'] }
const daemon = (changes: Partial<Daemon> = {}) =>
  ({ name: 'the Docker daemon at x', kind: 'docker', isLocal: true, isEncrypted: true, ...changes }) as Daemon

test('a daemon that is given less than its machine offers no more than that', () => {
  const { total, notices, instanceTypes } = dockerCapacity(daemon(), info, machine)
  expect(total.cpus).toBe(4)
  expect(total.memoryBytes).toBeLessThan(16 * GIB)
  expect(instanceTypes[0]?.architecture).toBe('Test CPU')
  expect(notices).toEqual(['a notice'])
})

test('what a daemon cannot do is said', () => {
  const gpu = { index: 0, name: 'NVIDIA H200', memoryBytes: 141 * GIB }
  const weak = { ...info, MemoryLimit: false, PidsLimit: false }
  const { notices } = dockerCapacity(daemon({ isLocal: false, isEncrypted: false }), weak, {
    ...machine,
    notices: [],
    gpus: [gpu],
  })
  for (const words of [
    'limit memory',
    'number of processes',
    'container toolkit',
    'not encrypted',
    'same path',
  ]) {
    expect(notices).toContainEqual(expect.stringContaining(words))
  }
  expect(notices).toHaveLength(5)
})

test.for([
  ['is registered as a runtime', { Runtimes: { nvidia: {} } }, true],
  ['describes its GPUs', { DiscoveredDevices: [{ ID: 'nvidia.com/gpu=0' }] }, true],
  ['describes no GPU', { DiscoveredDevices: [{ ID: 'vendor.com/net=0' }] }, false],
  ['would be found if it were there', { CDISpecDirs: ['/etc/cdi', '/var/run/cdi'] }, false],
] as const)("NVIDIA's container toolkit counts as set up if it %s: %o", ([, found, isSetUp]) => {
  const gpus = [{ index: 0, name: 'NVIDIA H200', memoryBytes: 141 * GIB }]
  const { notices } = dockerCapacity(daemon(), { ...info, ...found }, { ...machine, gpus })
  expect(notices.some((notice) => notice.includes('container toolkit'))).toBe(!isSetUp)
})

test('Podman is not asked for GPUs, and that is said', () => {
  const gpus = [{ index: 0, name: 'NVIDIA H200', memoryBytes: 141 * GIB }]
  const { total, notices } = dockerCapacity(daemon({ kind: 'podman' }), info, {
    ...machine,
    notices: [],
    gpus,
  })
  expect(total.gpus).toBe(0)
  expect(notices).toEqual([expect.stringContaining('use Docker')])
})

test('of a daemon elsewhere its own description is all there is', () => {
  const { total } = dockerCapacity(daemon({ isLocal: false }), info, undefined)
  expect(total).toMatchObject({ cpus: 4, gpus: 0 })
})
