/**
 * The control process's end of the link: a small HTTP server that gateways keep one request open to.
 *
 * A gateway posts to `/link` and leaves the body open; its first line is its hello, and the answer's first line
 * is the snapshot. What follows on either stream is in the order it was sent. The hub remembers nothing of a
 * gateway that left: it gets a snapshot again when it returns.
 */
import { chmod, rename, rm } from 'node:fs/promises'
import http from 'node:http'
import net from 'node:net'
import { messageOf, PlatformError } from '../domain/errors.ts'
import { type Clock, systemClock } from '../platform/clock.ts'
import { LINK_LIMITS, type LinkLimits, LinkStream } from './link-stream.ts'
import type {
  ConnectedGateway,
  DownMessage,
  LinkHub,
  LinkHubOptions,
  RoutingSnapshot,
  UpMessage,
} from './messages.ts'

type Hello = Extract<UpMessage, { kind: 'hello' }>
type Connection = { readonly gateway: ConnectedGateway; readonly stream: LinkStream }

const UP_KINDS: ReadonlySet<string> = new Set<UpMessage['kind']>([
  'hello',
  'demand',
  'wake',
  'drained',
  'suspect',
  'stuck',
  'usage',
  'doors',
  'tokens-used',
])

/**
 * @throws PlatformError `conflict` if another process listens there, `unavailable` if the place cannot be
 *   listened on.
 */
export async function openLinkHub(
  options: LinkHubOptions,
  clock: Clock = systemClock,
  limits: LinkLimits = LINK_LIMITS,
): Promise<LinkHub> {
  const connections = new Map<string, Connection>()
  const open = new Set<LinkStream>()
  const server = http.createServer({ requestTimeout: 0, keepAliveTimeout: 1 })
  server.maxConnections = limits.gateways

  server.on('request', (request, response) => {
    if (request.method !== 'POST' || request.url !== '/link') {
      response.writeHead(404, { connection: 'close' }).end()
      return
    }
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    let connection: Connection | undefined
    const stream: LinkStream = new LinkStream({
      incoming: request,
      outgoing: response,
      clock,
      limits,
      onMessage: (message) => {
        if (connection) {
          if (UP_KINDS.has(message.kind)) options.onMessage(connection.gateway, message as UpMessage)
        } else if (isHello(message)) {
          connection = admit(message, stream)
        } else {
          stream.end('the first message is not a complete hello')
        }
      },
      onEnd: () => {
        open.delete(stream)
        request.socket.destroy()
        if (connection && connections.get(connection.gateway.id) === connection) {
          connections.delete(connection.gateway.id)
          options.onDisconnect(connection.gateway)
        }
      },
    })
    open.add(stream)
  })

  /** A gateway that comes back before its old connection was missed takes that one's place. */
  function admit(hello: Hello, stream: LinkStream): Connection {
    connections.get(hello.gatewayId)?.stream.end('the same gateway connected again')
    const gateway = {
      id: hello.gatewayId,
      pid: hello.pid,
      url: hello.url,
      worker: hello.worker,
      connectedAt: clock.now(),
    }
    const connection = { gateway, stream }
    stream.send({ kind: 'snapshot', ...options.snapshot() } satisfies { kind: 'snapshot' } & RoutingSnapshot)
    connections.set(gateway.id, connection)
    options.onConnect(gateway)
    return connection
  }

  const stopListening = await listen(server, options.listen)
  return {
    broadcast: (message) => {
      for (const { stream } of [...connections.values()]) stream.send(message)
    },
    acknowledge: (gatewayId, sequence) => {
      const message: DownMessage = { kind: 'usage-ack', sequence }
      connections.get(gatewayId)?.stream.send(message)
    },
    send: (gatewayId, message) => {
      const connection = connections.get(gatewayId)
      connection?.stream.send(message)
      return connection !== undefined
    },
    get gateways() {
      return [...connections.values()].map(({ gateway }) => gateway)
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const stream of open) stream.end('the hub closed')
      server.closeAllConnections()
      await closed
      await stopListening()
    },
  }
}

function isHello(message: { readonly kind: string }): message is Hello {
  const claimed: Partial<Record<keyof Hello, unknown>> = message
  return (
    message.kind === 'hello' &&
    typeof claimed.gatewayId === 'string' &&
    typeof claimed.pid === 'number' &&
    typeof claimed.startedAt === 'number' &&
    typeof claimed.url === 'string' &&
    typeof claimed.worker === 'number'
  )
}

/** @returns what removes the traces of listening. */
async function listen(server: http.Server, where: LinkHubOptions['listen']): Promise<() => Promise<void>> {
  if (!('path' in where)) {
    await bind(server, where, `${where.host}:${where.port}`)
    return async () => {}
  }
  if (await somebodyAnswersAt(where.path)) {
    throw new PlatformError('conflict', `Another process already listens on ${where.path}.`)
  }
  // Bound beside its place and moved there once only its owner may connect; this also replaces the file that a
  // killed process left behind.
  const besides = `${where.path}.new`
  await rm(besides, { force: true })
  await bind(server, { path: besides }, where.path)
  await chmod(besides, 0o600)
  await rename(besides, where.path)
  return () => rm(where.path, { force: true })
}

function bind(server: http.Server, where: net.ListenOptions, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (cause: NodeJS.ErrnoException) =>
      reject(
        new PlatformError(
          cause.code === 'EADDRINUSE' ? 'conflict' : 'unavailable',
          `Cannot listen for gateways on ${name}: ${messageOf(cause)}.`,
          { cause },
        ),
      )
    server.once('error', onError)
    server.listen(where, () => {
      server.off('error', onError)
      resolve()
    })
  })
}

function somebodyAnswersAt(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
