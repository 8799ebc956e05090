/**
 * Everything around a gateway under test: a control process's hub, its socket, and engines that do as told, all
 * real and on loopback.
 */
import { hash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import type { TokenLimits } from '@berth/contract'
import { expect, onTestFinished, vi } from 'vitest'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import type { UsageRecord } from '../domain/usage/usage-record.ts'
import { connectLink } from '../link/client.ts'
import { openLinkHub } from '../link/hub.ts'
import type { LinkHub, RoutedEndpoint, RoutedReplica, TokenGrant, UpMessage } from '../link/messages.ts'
import { systemClock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import { FIRST } from '../testing/certificates.ts'
import { errorKind, isListedHeader, listedErrors } from '../testing/gateway-guide.ts'
import { requestOverHttp2 } from '../testing/http2-request.ts'
import type { TlsFiles } from './certificate-files.ts'
import type { Gateway, GatewayOptions } from './gateway.ts'
import type { GatewayLimits } from './limits.ts'

export type OpenGateway = {
  (options: GatewayOptions): Promise<Gateway>
  /** Its clients speak this, encrypted; HTTP/1.1 in the clear where it says nothing. */
  readonly speaks?: 'h2'
}
export type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void
export type Answer = {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
  readonly json: Record<string, unknown>
}
type Call = {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  readonly token?: string
  /** Receives the text as it comes. */
  readonly onText?: (text: string) => void
  readonly signal?: AbortSignal
}

export const soon = <T>(look: () => T) => vi.waitFor(look, { timeout: 10_000, interval: 5 })

/** More than any head of an engine in a test. */
const HEAD_BYTES = 4_096

export class Rig {
  readonly endpoints = new Map<string, RoutedEndpoint>()
  readonly grants: TokenGrant[] = []
  readonly said: UpMessage[] = []
  /** Whether the control process says that it has stored what a gateway reports of usage. */
  storesUsage = true
  readonly errors: string[] = []
  /** Headers that engines and the control process said, in lower case. */
  readonly #saidByOthers = new Set<string>()
  readonly #cleanUps: (() => unknown)[] = []
  #directory = ''
  #hub: LinkHub | undefined
  #speaks: 'h2' | undefined
  gateway!: Gateway

  async open(
    openGateway: OpenGateway,
    limits: Partial<GatewayLimits> = {},
    domain?: string,
    more: Partial<GatewayOptions> = {},
  ): Promise<this> {
    this.#directory = await mkdtemp(path.join(tmpdir(), 'gateway-'))
    this.#cleanUps.push(() => rm(this.#directory, { recursive: true, force: true, maxRetries: 10 }))
    const log: Log = {
      debug() {},
      info() {},
      warn() {},
      error: (message, fields) => void this.errors.push(`${message} ${JSON.stringify(fields)}`),
    }
    this.#speaks = openGateway.speaks
    this.gateway = await openGateway({
      gatewayId: 'gw-test',
      host: '127.0.0.1',
      port: 0,
      controlSocket: this.controlSocket,
      connectLink: (options) => connectLink({ ...options, connect: { path: this.#linkSocket } }, systemClock),
      clock: systemClock,
      log,
      limits: { demandEveryMs: 5, lingerMs: 50, deadlineTickMs: 5, ...limits },
      ...(domain === undefined ? {} : { domain }),
      ...(this.#speaks ? { tls: await this.#certificate() } : {}),
      ...more,
    })
    this.#cleanUps.push(() => this.gateway.close(0))
    return this
  }

  async close(): Promise<void> {
    for (const cleanUp of this.#cleanUps.splice(0).reverse()) await cleanUp()
    await this.#hub?.close()
    expect(this.errors).toEqual([])
  }

  async #certificate(): Promise<TlsFiles> {
    const files = {
      certificate: path.join(this.#directory, 'c.pem'),
      key: path.join(this.#directory, 'k.pem'),
    }
    await writeFile(files.certificate, FIRST.certificate)
    await writeFile(files.key, FIRST.key)
    return files
  }

  get controlSocket(): string {
    return path.join(this.#directory, 'control.sock')
  }

  get #linkSocket(): string {
    return path.join(this.#directory, 'link.sock')
  }

  /** The control process comes up with what is in `endpoints` and `grants` now. */
  async startControl(): Promise<void> {
    this.#hub = await openLinkHub({
      listen: { path: this.#linkSocket },
      snapshot: () => ({ endpoints: [...this.endpoints.values()], grants: this.grants }),
      onMessage: ({ id }, message) => {
        this.said.push(message)
        if (message.kind === 'usage' && this.storesUsage) this.#hub?.acknowledge(id, message.sequence)
      },
      onConnect: () => {},
      onDisconnect: () => {},
    })
    await this.#untilControlIs('connected')
  }

  async stopControl(): Promise<void> {
    await this.#hub?.close()
    this.#hub = undefined
    await this.#untilControlIs('disconnected')
  }

  async #untilControlIs(state: string): Promise<void> {
    await soon(async () => expect((await this.call('/readyz')).json['control']).toBe(state))
  }

  /** Tells the gateway about an endpoint; what is not named stays or is ordinary. */
  put(name: string, changes: Partial<RoutedEndpoint> = {}): EndpointId {
    const id = `id-${changes.namespace ?? ''}${name}` as EndpointId
    const endpoint: RoutedEndpoint = {
      namespace: 'acme',
      name,
      access: 'public',
      state: 'running',
      message: 'Ready.',
      failure: null,
      start: null,
      replicas: [],
      ...this.endpoints.get(id),
      ...changes,
      id,
    }
    this.endpoints.set(id, endpoint)
    this.#hub?.broadcast({ kind: 'endpoint', endpoint })
    return id
  }

  remove(id: EndpointId): void {
    this.endpoints.delete(id)
    this.#hub?.broadcast({ kind: 'endpoint-gone', id })
  }

  shutdown(drainMs: number): void {
    this.#hub?.broadcast({ kind: 'shutdown', drainMs })
  }

  grant(token: string, namespaces: readonly string[], limits?: TokenLimits): void {
    const grant: TokenGrant = {
      hash: hash('sha256', token, 'hex'),
      tokenId: token,
      user: token,
      role: 'read',
      namespaces,
      expiresAt: null,
      ...(limits ? { limits } : {}),
    }
    this.grants.push(grant)
    this.#hub?.broadcast({ kind: 'grant', grant })
  }

  revoke(token: string): void {
    this.#hub?.broadcast({ kind: 'grant-gone', hash: hash('sha256', token, 'hex') })
  }

  /** A server that answers as an engine would; without a handler it echoes. */
  async engine(id: string, handler: Handler = echo): Promise<Engine> {
    const engine = new Engine(id, handler, this.#overhear)
    await engine.listen(0)
    this.#cleanUps.push(() => engine.close())
    return engine
  }

  async controlServer(handler: Handler): Promise<void> {
    const server = http.createServer((request, response) => withBody(request, response, handler))
    server.on('connection', this.#overhear)
    await new Promise<void>((resolve) => server.listen(this.controlSocket, resolve))
    this.#cleanUps.push(() => {
      server.closeAllConnections()
      server.close()
    })
  }

  call(url: string, call: Call = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = this.begin(url, call)
      request.on('error', reject)
      request.on('response', (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
          call.onText?.(text)
        })
        response.on('error', reject)
        response.on('end', () => {
          const answer: Answer = {
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            get json() {
              return JSON.parse(text)
            },
          }
          try {
            this.#holdAgainstGuide(answer)
            resolve(answer)
          } catch (error) {
            reject(error)
          }
        })
      })
      request.end(call.body)
    })
  }

  readonly #overhear = (socket: net.Socket) => {
    let head = ''
    for (const verb of ['write', 'end'] as const) {
      const said = socket[verb] as (...args: unknown[]) => unknown
      const overheard = (...args: unknown[]) => {
        const [data] = args
        if (typeof data === 'string') head += data
        else if (data instanceof Uint8Array) head += Buffer.from(data).toString('latin1', 0, HEAD_BYTES)
        for (const [, name] of head.matchAll(/^([\w-]+):/gm)) this.#saidByOthers.add(name!.toLowerCase())
        head = head.slice(-HEAD_BYTES)
        return said.apply(socket, args)
      }
      Object.assign(socket, { [verb]: overheard })
    }
  }

  /** Whatever a test looks for: the gateway's own headers and errors are those of its guide. */
  #holdAgainstGuide({ status, headers, text }: Answer): void {
    const unlisted = Object.keys(headers).filter(
      (name) => !isListedHeader(name) && !this.#saidByOthers.has(name),
    )
    expect(unlisted, 'headers that docs/gateway.md does not list').toEqual([])
    if (status < 400 || !text.includes('"requestId"')) return
    const { code, reason } = JSON.parse(text)
    const kind = errorKind(status, code, reason)
    expect(listedErrors.has(kind), `docs/gateway.md lists the error ${kind}`).toBe(true)
  }

  /** A request whose body the test sends by itself. */
  begin(url: string, { method, headers = {}, body, token, signal }: Call = {}): http.ClientRequest {
    const ask = this.#speaks === 'h2' ? requestOverHttp2 : http.request
    return ask({
      host: '127.0.0.1',
      port: this.gateway.port,
      path: url,
      agent: false,
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(signal ? { signal } : {}),
    })
  }

  /** Sends bytes as they are and returns everything that comes back until the connection ends. */
  raw(bytes: string): Promise<string> {
    return new Promise((resolve) => {
      let text = ''
      const socket = connect(this.gateway.port, this.#speaks, () => socket.write(bytes, 'latin1'))
      this.#cleanUps.push(() => socket.destroy())
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1')
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(text))
    })
  }

  /** A connection on which a test says what it likes, when it likes. */
  async client(): Promise<RawClient> {
    const client = await connected(this.gateway.port, this.#speaks)
    this.#cleanUps.push(() => client.socket.destroy())
    return client
  }

  /** A replica that speaks as a test makes it. */
  async rawEngine(id: string, talk: (socket: net.Socket, heard: string) => void): Promise<RawEngine> {
    const engine = new RawEngine(id, talk, this.#overhear)
    await engine.listen()
    this.#cleanUps.push(() => engine.close())
    return engine
  }

  /** As all reports together say. */
  arrivalsOf(id: EndpointId): number {
    return this.said
      .flatMap((message) => (message.kind === 'demand' ? message.endpoints : []))
      .filter((endpoint) => endpoint.id === id)
      .reduce((sum, { arrivals }) => sum + arrivals, 0)
  }

  /** What was reported of each request, a batch that came twice counted once. */
  get usage(): readonly UsageRecord[] {
    const batches = new Map(
      this.said.flatMap((message) => (message.kind === 'usage' ? [[message.sequence, message.records]] : [])),
    )
    return [...batches.values()].flat()
  }

  /** The newest report about an endpoint. */
  demandOf(id: EndpointId) {
    return this.said
      .flatMap((message) => (message.kind === 'demand' ? message.endpoints : []))
      .findLast((endpoint) => endpoint.id === id)
  }
}

export type RawClient = {
  readonly socket: net.Socket
  /** Everything that came. */
  readonly text: () => string
  readonly isClosed: () => boolean
}

/** Bytes are of HTTP/1.1, in the clear or not. */
function connect(port: number, speaks: 'h2' | undefined, then: () => void): net.Socket {
  const to = { port, host: '127.0.0.1' }
  const encrypted = { ...to, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }
  return (speaks ? tls.connect(encrypted, then) : net.connect(to, then)).setNoDelay(true)
}

export async function connected(port: number, speaks?: 'h2'): Promise<RawClient> {
  let text = ''
  let isClosed = false
  let ready = () => {}
  const isReady = new Promise<void>((resolve) => {
    ready = resolve
  })
  const socket = connect(port, speaks, ready)
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    isClosed = true
  })
  await isReady
  return { socket, text: () => text, isClosed: () => isClosed }
}

export class RawEngine {
  readonly #id: string
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()
  /** What each connection was sent, by its number. */
  readonly heard: string[] = []
  #port = 0

  constructor(
    id: string,
    talk: (socket: net.Socket, heard: string) => void,
    opened: (socket: net.Socket) => void,
  ) {
    this.#id = id
    this.#server = net.createServer({ noDelay: true }, (socket) => {
      opened(socket)
      const number = this.heard.push('') - 1
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        this.heard[number] += chunk.toString('latin1')
        talk(socket, this.heard[number]!)
      })
    })
  }

  get openConnections(): number {
    return this.#sockets.size
  }

  get replica(): RoutedReplica {
    return { id: this.#id as ReplicaId, host: '127.0.0.1', port: this.#port, apiKey: null, state: 'ready' }
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.#port = (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}

/** Rigs that are taken down when their test ends. */
export function rigsOf(openGateway: OpenGateway) {
  async function rigWith(...settings: RigSettings): Promise<Rig> {
    const rig = new Rig()
    onTestFinished(() => rig.close())
    return rig.open(openGateway, ...settings)
  }
  async function runningRig(...settings: RigSettings): Promise<Rig> {
    const rig = await rigWith(...settings)
    await rig.startControl()
    return rig
  }
  return { rigWith, runningRig }
}

type RigSettings = [limits?: Partial<GatewayLimits>, domain?: string, more?: Partial<GatewayOptions>]

export class Engine {
  readonly id: string
  readonly received: { readonly request: IncomingMessage; readonly body: Buffer }[] = []
  /** Requests whose caller went before the answer was complete. */
  aborted = 0
  port = 0
  readonly #server: http.Server

  constructor(id: string, handler: Handler, opened: (socket: net.Socket) => void) {
    this.id = id
    this.#server = http.createServer((request, response) => {
      request.on('error', () => {})
      response.on('close', () => {
        if (!response.writableFinished) this.aborted++
      })
      withBody(request, response, (_request, _response, body) => {
        this.received.push({ request, body })
        handler(request, response, body)
      })
    })
    this.#server.on('connection', opened)
  }

  get replica(): RoutedReplica {
    return {
      id: this.id as ReplicaId,
      host: '127.0.0.1',
      port: this.port,
      apiKey: `key-${this.id}`,
      state: 'ready',
    }
  }

  get draining(): RoutedReplica {
    return { ...this.replica, state: 'draining' }
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve))
    this.port = (this.#server.address() as AddressInfo).port
  }

  /** Dies: breaks what it has, refuses what comes. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }
}

function withBody(request: IncomingMessage, response: ServerResponse, handler: Handler): void {
  const chunks: Buffer[] = []
  request.on('error', () => {})
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => handler(request, response, Buffer.concat(chunks)))
}

export const echo: Handler = (request, response, body) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(
    JSON.stringify({
      method: request.method,
      url: request.url,
      headers: request.headers,
      rawHeaders: request.rawHeaders,
      body: body.toString('latin1'),
    }),
  )
}
