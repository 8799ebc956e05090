/**
 * How a replica becomes a container: what it runs, what it may use, and what it is kept from.
 *
 * A container gets no capabilities, cannot gain privileges, sees its model read-only at `/repository` and writes to
 * `/tmp` alone, unless its image has to write elsewhere. It listens on all addresses inside its own network, where
 * only its own machine reaches it. Where that network lies in a virtual machine, on another machine or in the name
 * space of a daemon without root, the daemon publishes the port at one address of its machine instead, on loopback
 * wherever Berth runs on the same machine.
 */
import type { ContainerCreateOptions } from 'dockerode'
import { fillPlaceholders } from '../../domain/launch-plan.ts'
import type { ReplicaSpec } from '../driver.ts'
import { type LabelFacts, labelsOf } from './container-labels.ts'
import type { DaemonKind } from './daemon.ts'

export const MODEL_PATH = '/repository'
const adapterPath = (id: string) => `/adapters/${id}`
const LISTEN_HOST = '0.0.0.0'
const CPU_PERIOD_US = 100_000
const MIN_CPU_QUOTA_US = 1_000
/** Enough for the thread pools of an engine on a large machine, too few to starve the machine. */
const PIDS_LIMIT = 16_384
/** Rotated by the daemon: 40 MB of a replica's newest output. */
const LOG_LIMITS = { 'max-size': '10m', 'max-file': '4' }
/** Docker's `json-file` breaks characters that lie on a 16 KiB boundary; `local` keeps every byte. */
const LOG_DRIVER: Readonly<Record<DaemonKind, string>> = { docker: 'local', podman: 'k8s-file' }

export type ContainerPlace = LabelFacts & {
  readonly daemon: DaemonKind
  readonly imageId: string
  /** The name of a network, or the sandbox that is joined. */
  readonly network: string
  /** The daemon's address at which the port is published; undefined where it is reached without. */
  readonly publishOn: string | undefined
  /** `uid:gid`; the image's own user if undefined. */
  readonly user: string | undefined
  readonly writableRoot: boolean
}

export function containerOptions(spec: ReplicaSpec, place: ContainerPlace): ContainerCreateOptions {
  const { plan } = spec
  const published = publishing(plan.containerPort, place.publishOn)
  const adapters = Object.entries(spec.adapterPaths ?? {})
  const fill = (text: string) =>
    fillPlaceholders(text, {
      host: LISTEN_HOST,
      port: plan.containerPort,
      model: MODEL_PATH,
      adapters: Object.fromEntries(adapters.map(([id]) => [id, adapterPath(id)])),
    })
  return {
    name: spec.id,
    Image: place.imageId,
    // The whole command is the entrypoint, so that nothing of the image's own comes before or after it.
    ...(plan.command.length > 0 ? { Entrypoint: plan.command.map(fill), Cmd: [] } : {}),
    Env: environment(spec, place, fill),
    Labels: labelsOf(spec, place),
    ...(place.user === undefined ? {} : { User: place.user }),
    ...published.config,
    // Readiness is the prober's business; a health check of the image would only run beside it. Podman takes even
    // this for one and asks systemd to run it.
    ...(place.daemon === 'docker' ? { Healthcheck: { Test: ['NONE'] } } : {}),
    HostConfig: {
      ...limits(spec),
      ...confinement(place.writableRoot),
      NetworkMode: place.network,
      ...published.hostConfig,
      Mounts: [
        ...(spec.modelPath ? [readOnly(spec.modelPath, MODEL_PATH)] : []),
        ...adapters.map(([id, path]) => readOnly(path, adapterPath(id))),
      ],
      LogConfig: { Type: LOG_DRIVER[place.daemon], Config: LOG_LIMITS },
      RestartPolicy: { Name: 'no' },
      ...devices(place.gpuIndexes),
    },
  }
}

/** Nothing where the port is reached at the container's own address. */
export function publishing(containerPort: number, publishOn: string | undefined) {
  if (publishOn === undefined) return { config: {}, hostConfig: {} }
  const port = `${containerPort}/tcp`
  return {
    config: { ExposedPorts: { [port]: {} } },
    hostConfig: { PortBindings: { [port]: [{ HostIp: publishOn, HostPort: '0' }] } },
  }
}

const readOnly = (source: string, target: string) => ({
  Type: 'bind' as const,
  Source: source,
  Target: target,
  ReadOnly: true,
})

/** Values of the plan may hold placeholders; values of the spec are somebody's own words and stay as they are. */
function environment(spec: ReplicaSpec, place: ContainerPlace, fill: (text: string) => string): string[] {
  const planned = Object.entries(spec.plan.env).map(([name, value]) => [name, fill(value)])
  const all: Record<string, string> = {
    // Caches belong where the container may write, whoever it runs as.
    ...(place.writableRoot ? {} : { HOME: '/tmp' }),
    // CUDA images ask for all GPUs, and get them where NVIDIA's is the daemon's default runtime.
    ...(place.gpuIndexes.length > 0 ? {} : { NVIDIA_VISIBLE_DEVICES: 'void' }),
    ...Object.fromEntries(planned),
    ...spec.env,
  }
  return Object.entries(all).map(([name, value]) => `${name}=${value}`)
}

function limits({ resources, plan }: ReplicaSpec): ContainerCreateOptions['HostConfig'] {
  return {
    Memory: resources.memoryBytes,
    // Together with swap: none of it.
    MemorySwap: resources.memoryBytes,
    CpuPeriod: CPU_PERIOD_US,
    CpuQuota: Math.max(MIN_CPU_QUOTA_US, Math.round(resources.cpus * CPU_PERIOD_US)),
    PidsLimit: PIDS_LIMIT,
    ...(plan.shmBytes > 0 ? { ShmSize: plan.shmBytes } : {}),
  }
}

function confinement(writableRoot: boolean): ContainerCreateOptions['HostConfig'] {
  return {
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges'],
    ReadonlyRootfs: !writableRoot,
    // `exec`, since engines compile kernels there and load them. What lies in it counts as the replica's memory.
    Tmpfs: { '/tmp': 'rw,exec,nosuid,nodev,mode=1777' },
  }
}

/** By index and never by count: a daemon that is asked for one GPU gives everybody the first. */
function devices(gpuIndexes: readonly number[]): ContainerCreateOptions['HostConfig'] {
  if (gpuIndexes.length === 0) return {}
  return { DeviceRequests: [{ DeviceIDs: gpuIndexes.map(String), Capabilities: [['gpu']] }] }
}
