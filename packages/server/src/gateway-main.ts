/**
 * The gateway process: reads its settings, opens the gateway, leaves a record of where it is, and ends when told.
 *
 * It is started by the control process in a session of its own and outlives it: a control process that comes
 * later finds the record, and the gateway finds it through the link's socket.
 */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { messageOf } from './domain/errors.ts'
import { openGateway } from './gateway/gateway.ts'
import { connectLink } from './link/client.ts'
import { systemClock } from './platform/clock.ts'
import { newGatewayId } from './platform/ids.ts'
import { createLog } from './platform/log.ts'
import { processTableOf } from './runtime/process/process-table.ts'

/** Says to the control process that the address is taken, so that it can tell the user which one. */
const EXIT_ADDRESS_IN_USE = 98
const EXIT_BAD_SETTINGS = 2
/** For requests that run when the process gets SIGTERM. */
const DRAIN_MS = 30_000

const FLAGS = {
  listen: { type: 'string' },
  'control-socket': { type: 'string' },
  'link-socket': { type: 'string' },
  record: { type: 'string' },
  log: { type: 'string' },
  'log-level': { type: 'string' },
  domain: { type: 'string' },
} as const

type Settings = {
  readonly host: string
  readonly port: number
  readonly controlSocket: string
  readonly linkSocket: string
  readonly record: string
  readonly log: string | undefined
  readonly logLevel: string
  readonly domain: string | undefined
}

const settings = readSettings()
const log = createLog({
  name: 'gateway',
  level: settings.logLevel,
  ...(settings.log === undefined ? {} : { file: settings.log }),
})
const gatewayId = newGatewayId()

const gateway = await openGateway({
  gatewayId,
  host: settings.host,
  port: settings.port,
  controlSocket: settings.controlSocket,
  ...(settings.domain === undefined ? {} : { domain: settings.domain.toLowerCase() }),
  connectLink: (options) => connectLink({ ...options, connect: { path: settings.linkSocket } }, systemClock),
  clock: systemClock,
  log,
}).catch((error: NodeJS.ErrnoException): never => {
  const place = `${settings.host}:${settings.port}`
  if (error.code === 'EADDRINUSE') {
    exit(
      EXIT_ADDRESS_IN_USE,
      `Cannot listen on ${place}: another program does. Choose another with --listen.`,
    )
  }
  return exit(1, `Cannot listen on ${place}: ${messageOf(error)}.`)
})

process.on('SIGTERM', () => void gateway.close(DRAIN_MS))
// Ctrl-C is for the control process, which tells this one what to do.
process.on('SIGINT', () => {})
process.on('SIGHUP', () => {})

await writeRecord({
  pid: process.pid,
  // With the pid it names this process and no later one of the same number.
  startTime: (await processTableOf(process.platform).find(process.pid))?.startTime,
  url: gateway.url,
  host: gateway.host,
  port: gateway.port,
  gatewayId,
})
log.info('gateway listens', { url: gateway.url, pid: process.pid })

await gateway.closed
await rm(settings.record, { force: true })
log.info('gateway ended')
process.exit(0)

function readSettings(): Settings {
  const { values, problem } = parse()
  if (problem !== undefined) exit(EXIT_BAD_SETTINGS, `Cannot start the gateway: ${problem}`)
  const listen = /^(?:\[([0-9a-f:]+)\]|([^:]+)):(\d{1,5})$/i.exec(values.listen ?? '')
  const port = Number(listen?.[3])
  const problems = [
    ...(listen && port <= 65_535
      ? []
      : [`--listen is "${values.listen ?? ''}": it must be host:port, for example 127.0.0.1:8080`]),
    ...(['control-socket', 'link-socket', 'record'] as const).flatMap((name) =>
      values[name] ? [] : [`--${name} is missing: it must be a path`],
    ),
  ]
  if (problems.length > 0) exit(EXIT_BAD_SETTINGS, `Cannot start the gateway:\n  ${problems.join('\n  ')}`)
  return {
    host: listen?.[1] ?? listen?.[2] ?? '',
    port,
    controlSocket: values['control-socket'] ?? '',
    linkSocket: values['link-socket'] ?? '',
    record: values.record ?? '',
    log: values.log,
    logLevel: values['log-level'] ?? 'info',
    domain: values.domain,
  }
}

function parse(): { values: Readonly<Partial<Record<keyof typeof FLAGS, string>>>; problem?: string } {
  try {
    return { values: parseArgs({ options: FLAGS }).values }
  } catch (error) {
    return { values: {}, problem: messageOf(error) }
  }
}

/** A reader finds the old record or the new one, never half of one. */
async function writeRecord(record: Readonly<Record<string, unknown>>): Promise<void> {
  const besides = `${settings.record}.${process.pid}`
  await mkdir(path.dirname(settings.record), { recursive: true })
  await writeFile(besides, `${JSON.stringify(record)}\n`, { mode: 0o600 })
  await rename(besides, settings.record)
}

function exit(code: number, message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(code)
}
