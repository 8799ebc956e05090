/**
 * A worker of the gateway: reads its settings, opens the gateway, leaves a record of where it is, and ends when told.
 *
 * It is started by the control process in a session of its own and outlives it: a control process that comes
 * later finds the record, and the gateway finds it through the link's socket. An heir is started by the worker whose
 * place it takes, which gives it its socket.
 */
import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import type { Server } from 'node:net'
import { parseArgs } from 'node:util'
import { messageOf, PlatformError } from './domain/errors.ts'
import { openGateway } from './gateway/gateway.ts'
import { removeRecord, startTimeOf, writeRecord } from './gateway-record.ts'
import { connectLink } from './link/client.ts'
import type { HeirCommand } from './link/messages.ts'
import { systemClock } from './platform/clock.ts'
import { newGatewayId } from './platform/ids.ts'
import { LineFile } from './platform/line-file.ts'
import { createLog } from './platform/log.ts'

/** Says to the control process that the address is taken, so that it can tell the user which one. */
const EXIT_ADDRESS_IN_USE = 98
const EXIT_BAD_SETTINGS = 2
/** For requests that run when the process gets SIGTERM. */
const DRAIN_MS = 30_000
/** For requests of a worker whose place another has taken: a stream may take its time, nobody waits for the end. */
const LEAVE_MS = 3_600_000
/** An heir, or who joins others, gives up when it has not heard of the endpoints by then. */
const READY_MS = 60_000

const FLAGS = {
  listen: { type: 'string' },
  'control-socket': { type: 'string' },
  'link-socket': { type: 'string' },
  records: { type: 'string' },
  /** Its number among those that share the address. */
  worker: { type: 'string' },
  /** Told to whoever reads its record. */
  settings: { type: 'string' },
  /** Others listen there already. */
  joins: { type: 'boolean' },
  /** The process that waits until this one listens. */
  'started-by': { type: 'string' },
  /** The socket comes from the worker that started this one. */
  inherits: { type: 'boolean' },
  log: { type: 'string' },
  'log-level': { type: 'string' },
  domain: { type: 'string' },
  'access-log': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  /** The control process says which certificate is shown. */
  'tls-told': { type: 'boolean' },
  /** "node" for Node's own server. */
  front: { type: 'string' },
} as const

type Settings = {
  readonly host: string
  readonly port: number
  readonly controlSocket: string
  readonly linkSocket: string
  readonly records: string
  readonly worker: number
  readonly settings: string
  readonly joins: boolean
  readonly startedBy: number | undefined
  readonly inherits: boolean
  readonly log: string | undefined
  readonly logLevel: string
  readonly domain: string | undefined
  readonly accessLog: string | undefined
  readonly tls: { readonly certificate: string; readonly key: string } | 'told' | undefined
  readonly front: string
}

const settings = readSettings()
const log = createLog({
  name: 'gateway',
  level: settings.logLevel,
  ...(settings.log === undefined ? {} : { file: settings.log }),
})
const gatewayId = newGatewayId()
const listening = new AbortController()

const startedAt = systemClock.now()
await mkdir(settings.records, { recursive: true, mode: 0o700 })
// Megabytes that only those load who chose it.
const nodeFront = settings.front === 'node' ? await import('./gateway/front/node-front.ts') : undefined
const accessLog = settings.accessLog === undefined ? undefined : new LineFile(settings.accessLog)
const isFollower = settings.inherits || settings.joins
if (isFollower) {
  void systemClock.sleep(READY_MS, listening.signal).then(
    () =>
      giveUp(1, `The control process did not say within ${READY_MS / 1_000} s which endpoints there are.`),
    () => {},
  )
}

const gateway = await openGateway({
  gatewayId,
  host: settings.host,
  port: settings.port,
  place: settings.inherits ? { inherit: inheritedSocket } : settings.joins ? 'joined' : placeOfFirst(),
  worker: settings.worker,
  handOver,
  ...(settings.tls && { tls: settings.tls }),
  companyDirectory: settings.records,
  ...(nodeFront && { openFront: (rooms) => new nodeFront.NodeFront(rooms) }),
  ...(accessLog && { accessLog: (line) => accessLog.add(line) }),
  controlSocket: settings.controlSocket,
  ...(settings.domain === undefined ? {} : { domain: settings.domain.toLowerCase() }),
  connectLink: (options) => connectLink({ ...options, connect: { path: settings.linkSocket } }, systemClock),
  clock: systemClock,
  log,
}).catch((error: NodeJS.ErrnoException): never => {
  if (error instanceof PlatformError) return giveUp(EXIT_BAD_SETTINGS, error.message)
  const place = `${settings.host}:${settings.port}`
  if (error.code === 'EADDRINUSE') {
    giveUp(
      EXIT_ADDRESS_IN_USE,
      `Cannot listen on ${place}: another program does. Choose another with --listen.`,
    )
  }
  return giveUp(1, `Cannot listen on ${place}: ${messageOf(error)}.`)
})
listening.abort()

process.on('SIGTERM', () => void gateway.close(DRAIN_MS))
process.on('SIGUSR2', () => void gateway.leave(LEAVE_MS))
// Ctrl-C is for the control process, which tells this one what to do.
process.on('SIGINT', () => {})
process.on('SIGHUP', () => void gateway.reloadCertificate())

if (settings.startedBy !== undefined && process.ppid !== settings.startedBy) abandoned()
await writeRecord(settings.records, {
  gatewayId,
  worker: settings.worker,
  pid: process.pid,
  startTime: await startTimeOf(process.pid),
  startedAt,
  url: gateway.url,
  host: gateway.host,
  port: gateway.port,
  settings: settings.settings,
})
// Whoever started this one to take its place has nothing more to say.
process.off('disconnect', abandoned)
if (settings.inherits) process.disconnect?.()
log.info('gateway listens', { url: gateway.url, pid: process.pid, worker: settings.worker })

await gateway.closed
await accessLog?.close()
await removeRecord(settings.records, gatewayId)
log.info('gateway ended')
process.exit(0)

/** Where the system lets several listen on one address, the first lets others join it. */
function placeOfFirst(): 'shared' | 'own' {
  return process.platform === 'linux' || process.platform === 'freebsd' ? 'shared' : 'own'
}

/** Nobody would look for a worker whose starter ended before it had left its record. */
function abandoned(): never {
  return giveUp(1, 'Whoever started this worker is gone.')
}

function inheritedSocket(): Promise<Server> {
  if (!process.send) return giveUp(EXIT_BAD_SETTINGS, '--inherits is for workers that another one starts.')
  process.once('disconnect', abandoned)
  process.send('ready')
  return new Promise((resolve) => process.once('message', (_message, socket) => resolve(socket as Server)))
}

/** The heir listens as soon as it knows every endpoint; when it does is for the control process to see. */
function handOver({ program, args }: HeirCommand, socket: Server): void {
  log.info('gateway starts its heir', { worker: settings.worker })
  const heir = spawn(process.execPath, [...process.execArgv, program, ...args, '--inherits'], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: process.env,
  })
  heir.on('error', (error) => log.error('the heir could not be started', { error: messageOf(error) }))
  heir.once('message', () => {
    heir.send('socket', socket, (error) => {
      if (error) log.error('the heir did not get the socket', { error: messageOf(error) })
    })
  })
  heir.unref()
}

function readSettings(): Settings {
  const { values, problem } = parse()
  if (problem !== undefined) exit(EXIT_BAD_SETTINGS, `Cannot start the gateway: ${problem}`)
  const listen = /^(?:\[([0-9a-f:]+)\]|([^:]+)):(\d{1,5})$/i.exec(values.listen ?? '')
  const port = Number(listen?.[3])
  const problems = [
    ...(listen && port <= 65_535
      ? []
      : [`--listen is "${values.listen ?? ''}": it must be host:port, for example 127.0.0.1:8080`]),
    ...(['control-socket', 'link-socket', 'records'] as const).flatMap((name) =>
      values[name] ? [] : [`--${name} is missing: it must be a path`],
    ),
    ...(['raw', 'node', undefined].includes(values.front)
      ? []
      : [`--front is "${values.front}": it must be "raw" or "node"`]),
  ]
  if (problems.length > 0) exit(EXIT_BAD_SETTINGS, `Cannot start the gateway:\n  ${problems.join('\n  ')}`)
  return {
    host: listen?.[1] ?? listen?.[2] ?? '',
    port,
    controlSocket: values['control-socket'] ?? '',
    linkSocket: values['link-socket'] ?? '',
    records: values.records ?? '',
    worker: Number(values.worker ?? 0),
    settings: values.settings ?? '',
    joins: values.joins ?? false,
    startedBy: values['started-by'] === undefined ? undefined : Number(values['started-by']),
    inherits: values.inherits ?? false,
    log: values.log,
    logLevel: values['log-level'] ?? 'info',
    domain: values.domain,
    accessLog: values['access-log'],
    tls: values['tls-told']
      ? 'told'
      : values['tls-cert'] && values['tls-key']
        ? { certificate: values['tls-cert'], key: values['tls-key'] }
        : undefined,
    front: values.front ?? 'raw',
  }
}

function parse() {
  try {
    return { values: parseArgs({ options: FLAGS }).values, problem: undefined }
  } catch (error) {
    return { values: {}, problem: messageOf(error) }
  }
}

/** Nobody reads what an heir writes to its stderr. */
function giveUp(code: number, message: string): never {
  log.error('gateway cannot start', { reason: message })
  return exit(code, message)
}

function exit(code: number, message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(code)
}
