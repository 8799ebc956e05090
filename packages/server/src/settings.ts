/**
 * The settings of one Berth, read once at the start and handed out as values. Nothing else reads the environment.
 */
import { PlatformError } from './domain/errors.ts'

export type ServeSettings = {
  /** Data directory, absolute. */
  readonly home: string
  readonly host: string
  /** 0 lets the system choose a free one. */
  readonly port: number
  /** The word `sqlite`, or a `postgres://` URL. */
  readonly store: string
  /**
   * What carries replicas out: plain processes, containers of a Docker or Podman daemon, or both. The first is taken
   * where an instance type names none.
   */
  readonly runtimes: readonly ['process' | 'docker', ...('process' | 'docker')[]]
  /** Directories below which `file:` models may lie, absolute, besides `$BERTH_HOME/models`. */
  readonly modelsRoots: readonly string[]
  /** Endpoints also answer at `{name}-{namespace}.{domain}`; null for none. */
  readonly domain: string | null
  /** Scheme, host and port by which clients reach this installation; null for where the gateway listens. */
  readonly publicUrl: string | null
  /** Gateway processes that share the port. */
  readonly gatewayWorkers: number
  /** Whether the gateway writes a line for each request to `logs/access.log`. */
  readonly accessLog: boolean
  /** PEM files, absolute; null for connections that are not encrypted. */
  readonly tls: { readonly certificate: string; readonly key: string } | null
  /** Certificates that Berth obtains; null for none. The operator has agreed to the terms of the authority. */
  readonly acme: AcmeSettings | null
  readonly logLevel: string
}

export type AcmeSettings = {
  /** At least one; the certificate is for all of them. */
  readonly names: readonly string[]
  readonly email: string | null
  /** An https URL. */
  readonly directory: string
}

export type Settings = ServeSettings & {
  /** HF_ENDPOINT: where models are downloaded from. */
  readonly hubUrl: string
  /** HF_TOKEN: for models of endpoints that bring no token of their own. */
  readonly hubToken: string | undefined
  /** BERTH_KEY: 32 bytes in hex or base64 instead of the key file. */
  readonly key: string | undefined
  /** BERTH_LLAMA_SERVER: path of a llama-server, or "off" for the embedded engine. */
  readonly llamaServer: string | undefined
  /** BERTH_VLLM: path of the program `vllm`, for replicas that are processes. */
  readonly vllm: string | undefined
  readonly path: string | undefined
  /** BERTH_GATEWAY_FRONT: whose parser reads clients' requests, Berth's own or Node's. */
  readonly gatewayFront: 'raw' | 'node'
  /** BERTH_CACHE_GB: downloaded models that nothing uses are deleted beyond this. */
  readonly cacheBytes: number
  /** BERTH_DRAIN_SECONDS: how long a replica that leaves may finish what it has. */
  readonly drainTimeoutMs: number
}

const DEFAULT_CACHE_GB = 200
const DEFAULT_DRAIN_SECONDS = 120

export function settingsFrom(
  serve: ServeSettings,
  env: Readonly<Record<string, string | undefined>>,
): Settings {
  return {
    ...serve,
    hubUrl: env['HF_ENDPOINT'] || 'https://huggingface.co',
    hubToken: env['HF_TOKEN'] || undefined,
    key: env['BERTH_KEY'] || undefined,
    llamaServer: env['BERTH_LLAMA_SERVER'] || undefined,
    vllm: env['BERTH_VLLM'] || undefined,
    path: env['PATH'],
    gatewayFront: frontIn(env['BERTH_GATEWAY_FRONT'] || 'raw'),
    cacheBytes: positive(env['BERTH_CACHE_GB'], DEFAULT_CACHE_GB, 'BERTH_CACHE_GB') * 1e9,
    drainTimeoutMs:
      positive(env['BERTH_DRAIN_SECONDS'], DEFAULT_DRAIN_SECONDS, 'BERTH_DRAIN_SECONDS') * 1_000,
  }
}

function frontIn(text: string): 'raw' | 'node' {
  if (text === 'raw' || text === 'node') return text
  throw new PlatformError('invalid', `BERTH_GATEWAY_FRONT is "${text}": it must be "raw" or "node".`, {
    field: 'BERTH_GATEWAY_FRONT',
  })
}

function positive(text: string | undefined, fallback: number, name: string): number {
  if (text === undefined || text === '') return fallback
  const value = Number(text)
  if (value > 0) return value
  throw new PlatformError('invalid', `${name} is "${text}": it must be a number above 0.`, { field: name })
}
