/** The settings of `berth serve`, from flags, then the environment, then defaults: parsed once, strictly. */
import { homedir } from 'node:os'
import path from 'node:path'
import { type AcmeFlags, type AcmeSettings, readAcmeSettings } from './acme-settings.ts'
import { usageError } from './exit.ts'
import { readPublicUrl } from './public-url.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export const DEFAULT_PORT = 8080
const RUNTIMES = ['process', 'docker'] as const
type Runtime = (typeof RUNTIMES)[number]
type Runtimes = readonly [Runtime, ...Runtime[]]
const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const

const SWITCH: Readonly<Record<string, boolean>> = { on: true, off: false }
const MOST_GATEWAY_WORKERS = 64
const CAN_SHARE_A_PORT = process.platform === 'linux' || process.platform === 'freebsd'

export type ServeSettings = {
  readonly home: string
  readonly host: string
  /** 0 lets the system choose a free one. */
  readonly port: number
  /** The word `sqlite`, or a `postgres://` URL. */
  readonly store: string
  /** Plain processes, containers of a Docker or Podman daemon, or both: the first is taken where nothing is said. */
  readonly runtimes: Runtimes
  /** Directories below which `file:` models may lie; absolute. */
  readonly modelsRoots: readonly string[]
  /** Endpoints also answer at `{name}-{namespace}.{domain}`; null for none. */
  readonly domain: string | null
  /** Scheme, host and port by which clients reach it; null for where it listens. */
  readonly publicUrl: string | null
  /** Gateway processes that share the port. */
  readonly gatewayWorkers: number
  /** Whether the gateway writes a line for each request to `logs/access.log`. */
  readonly accessLog: boolean
  /** PEM files, absolute; null for connections that are not encrypted. */
  readonly tls: { readonly certificate: string; readonly key: string } | null
  /** Certificates that Berth obtains; null for none. The operator has agreed to the terms of the authority. */
  readonly acme: AcmeSettings | null
  readonly logLevel: (typeof LOG_LEVELS)[number]
}

export type ServeFlags = AcmeFlags & {
  readonly home?: string
  readonly host?: string
  readonly port?: string
  readonly store?: string
  readonly runtime?: string
  readonly modelsRoot?: readonly string[]
  readonly domain?: string
  readonly publicUrl?: string
  readonly gatewayWorkers?: string
  readonly accessLog?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly logLevel?: string
}

type Setting = { readonly flag: string; readonly variable: string; readonly value: string }
type Mistake = { readonly flag: string; readonly text: string }

/** `BERTH_HOME`, or `~/.berth`. */
export function homeDirectory(flag: string | undefined, env: Environment): string {
  return path.resolve(flag ?? (env['BERTH_HOME'] || path.join(homedir(), '.berth')))
}

/** @throws CommandError that names every wrong setting, not only the first. */
export function readServeSettings(flags: ServeFlags, env: Environment): ServeSettings {
  const mistakes: Mistake[] = []
  const read = <T>(
    setting: Setting,
    parse: (value: string) => T | undefined,
    rule: string,
    fallback: T,
  ): T => {
    const value = parse(setting.value)
    if (value !== undefined) return value
    mistakes.push({
      flag: setting.flag,
      text: `"${setting.value}" is not ${rule}   (--${setting.flag}, ${setting.variable})`,
    })
    return fallback
  }
  const setting = (flag: string, variable: string, given: string | undefined, fallback: string): Setting => ({
    flag,
    variable,
    value: given ?? (env[variable] || fallback),
  })

  const tlsFiles = [flags.tlsCert ?? env['BERTH_TLS_CERT'], flags.tlsKey ?? env['BERTH_TLS_KEY']].map(
    (file) => file && path.resolve(file),
  )
  const roots = flags.modelsRoot ?? (env['BERTH_MODELS_ROOTS'] ?? '').split(path.delimiter).filter(Boolean)
  const settings: Omit<ServeSettings, 'acme' | 'publicUrl'> = {
    home: homeDirectory(flags.home, env),
    host: read(setting('host', 'BERTH_HOST', flags.host, '127.0.0.1'), asHost, 'an address or host name', ''),
    port: read(
      setting('port', 'BERTH_PORT', flags.port, String(DEFAULT_PORT)),
      asPort,
      'a number between 0 and 65535',
      0,
    ),
    store: read(
      setting('store', 'BERTH_STORE', flags.store, 'sqlite'),
      asStore,
      'sqlite or a postgres:// URL',
      'sqlite',
    ),
    runtimes: read<Runtimes>(
      setting('runtime', 'BERTH_RUNTIME', flags.runtime, 'process'),
      asRuntimes,
      `one of: ${RUNTIMES.join(', ')}, or both with a comma between them`,
      ['process'],
    ),
    modelsRoots: roots.map((root) => path.resolve(root)),
    domain: read<string | null>(
      setting('domain', 'BERTH_DOMAIN', flags.domain, ''),
      asDomain,
      'a domain such as models.example.org',
      null,
    ),
    gatewayWorkers: read(
      setting('gateway-workers', 'BERTH_GATEWAY_WORKERS', flags.gatewayWorkers, '1'),
      asWorkers,
      CAN_SHARE_A_PORT
        ? `a number between 1 and ${MOST_GATEWAY_WORKERS}`
        : '1: on this system processes cannot share a port',
      1,
    ),
    accessLog: read(
      setting('access-log', 'BERTH_ACCESS_LOG', flags.accessLog, 'off'),
      (value) => SWITCH[value],
      'on or off',
      false,
    ),
    tls: asTls(tlsFiles, mistakes),
    logLevel: read(
      setting('log-level', 'BERTH_LOG_LEVEL', flags.logLevel, 'info'),
      (value) => LOG_LEVELS.find((level) => level === value),
      `one of: ${LOG_LEVELS.join(', ')}`,
      'info',
    ),
  }
  const acme = readAcmeSettings(flags, env, settings.domain, mistakes)
  const publicUrl = readPublicUrl(flags.publicUrl ?? env['BERTH_PUBLIC_URL'], mistakes)
  if (settings.tls && acme) {
    mistakes.push({
      flag: 'acme-agree',
      text: 'is given, and --tls-cert too: it is one or the other   (--acme-agree, BERTH_ACME_AGREE)',
    })
  }
  if (mistakes.length > 0) throw usageError(mistakesMessage(mistakes))
  return { ...settings, acme, publicUrl: publicUrl ?? certifiedUrl(acme, settings.domain) }
}

/** The first name of the certificate is what clients type; a domain may say at which port. */
function certifiedUrl(acme: AcmeSettings | null, domain: string | null): string | null {
  return acme && `https://${domain?.toLowerCase() ?? acme.names[0]}`
}

/** Both or none. */
function asTls(
  [certificate, key]: readonly (string | undefined)[],
  mistakes: Mistake[],
): ServeSettings['tls'] {
  if (certificate && key) return { certificate, key }
  if (!certificate && !key) return null
  const [given, missing] = certificate ? ['tls-cert', 'tls-key'] : ['tls-key', 'tls-cert']
  const variable = missing.toUpperCase().replace('-', '_')
  mistakes.push({
    flag: missing,
    text: `is missing, and --${given} is given   (--${missing}, BERTH_${variable})`,
  })
  return null
}

function mistakesMessage(mistakes: readonly Mistake[]): string {
  const width = Math.max(...mistakes.map(({ flag }) => flag.length))
  const count = mistakes.length === 1 ? '1 setting is wrong' : `${mistakes.length} settings are wrong`
  return [
    `Cannot start: ${count}.`,
    ...mistakes.map(({ flag, text }) => `  ${flag.padEnd(width)}  ${text}`),
  ].join('\n')
}

function asPort(value: string): number | undefined {
  const port = Number(value)
  return /^\d{1,5}$/.test(value) && port <= 65_535 ? port : undefined
}

function asWorkers(value: string): number | undefined {
  const workers = Number(value)
  const isCount = /^\d{1,2}$/.test(value) && workers >= 1 && workers <= MOST_GATEWAY_WORKERS
  return isCount && (workers === 1 || CAN_SHARE_A_PORT) ? workers : undefined
}

function asRuntimes(value: string): Runtimes | undefined {
  const names = value.split(',').map((name) => RUNTIMES.find((runtime) => runtime === name.trim()))
  const [first, ...others] = names.filter((name) => name !== undefined)
  return first && new Set(names).size === names.length && others.length === names.length - 1
    ? [first, ...others]
    : undefined
}

const asHost = (value: string) => (/^[A-Za-z0-9.:_-]+$/.test(value) ? value : undefined)
const asStore = (value: string) =>
  value === 'sqlite' || (/^postgres(ql)?:\/\//.test(value) && URL.canParse(value)) ? value : undefined
const asDomain = (value: string) =>
  value === ''
    ? null
    : /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:\d+)?$/i.test(value)
      ? value
      : undefined
