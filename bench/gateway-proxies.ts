/** The gateways that the benchmark compares: Berth's, nginx, two from npm and one from PyPI, each on one core. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { EndpointId, ReplicaId } from '../packages/server/src/domain/replica.ts'
import { DEFAULT_ROUTING, type RoutingRules } from '../packages/server/src/domain/routing/choose-replica.ts'
import { WORKER_FLAGS, workerEnvironment } from '../packages/server/src/gateway-workers.ts'
import { openLinkHub } from '../packages/server/src/link/hub.ts'
import { FIRST } from '../packages/server/src/testing/certificates.ts'
import { TOKEN } from './gateway-traffic.ts'

export const PROXY_CORE = 0
export const LOAD_CORE = 1

export type RunningProxy = {
  readonly name: string
  readonly port: number
  /** Of everything that works for it. */
  readonly pids: readonly number[]
  stop(): Promise<void>
}

export const folder = mkdtempSync(path.join(tmpdir(), 'bench-gateway-'))
export const removeFolder = () => rmSync(folder, { recursive: true, force: true })

const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** Starts a program on one core. */
export function startOn(core: number, command: string, args: readonly string[], env = {}): ChildProcess {
  const child = spawn('taskset', ['-c', String(core), command, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env },
  })
  children.add(child)
  child.on('exit', () => children.delete(child))
  return child
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

export async function listening(port: number, withinMs = 10_000): Promise<void> {
  for (const deadline = performance.now() + withinMs; performance.now() < deadline; ) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy()
        resolve(true)
      })
      socket.on('error', () => resolve(false))
    })
    if (isOpen) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`Nothing listens on port ${port} after ${withinMs / 1_000} s.`)
}

/** Until the gateway has heard which endpoints there are, its answers are refusals. */
async function knowing(port: number, isEncrypted: boolean): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    const isReady = await new Promise<boolean>((resolve, reject) => {
      const options = { port, path: '/readyz', rejectUnauthorized: false }
      const request = isEncrypted ? https.get(options) : http.get(options)
      request.on('error', reject)
      request.on('response', (response) => resolve(response.resume().statusCode === 200))
    })
    if (isReady) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`The gateway on port ${port} knows no endpoint after 10 s.`)
}

const stopped = (child: ChildProcess) =>
  new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })

/** Endpoints of the same replicas, each with rules of its own, as `/e/bench/NAME/`. */
export type BenchEndpoints = Readonly<Record<string, RoutingRules>>

type BerthOptions = { readonly endpoints?: BenchEndpoints; readonly isEncrypted?: boolean }

/** The real gateway process, with a token, limits, usage and metrics, as a control process would run it. */
export async function startBerth(
  engines: readonly number[],
  { endpoints = { m1: DEFAULT_ROUTING }, isEncrypted = false }: BerthOptions = {},
): Promise<RunningProxy> {
  const [port = 0] = await freePorts(1)
  const linkSocket = path.join(folder, 'link.sock')
  const limits = { requestsPerMinute: 1e9, tokensPerMinute: 1e12, concurrentRequests: 1e6, bodyBytes: 1e9 }
  const hub = await openLinkHub({
    listen: { path: linkSocket },
    snapshot: () => ({
      endpoints: Object.entries(endpoints).map(([name, routing]) => ({
        id: `ep-${name}` as EndpointId,
        namespace: 'bench',
        name,
        access: 'private',
        state: 'running',
        message: 'Ready.',
        failure: null,
        start: null,
        replicas: engines.map((port, i) => ({
          id: `r${i}` as ReplicaId,
          host: '127.0.0.1',
          port,
          apiKey: 'replica-key',
          state: 'ready' as const,
        })),
        routing,
        limits,
      })),
      grants: [
        {
          hash: hash('sha256', TOKEN, 'hex'),
          tokenId: 'token',
          user: 'bench',
          role: 'read',
          namespaces: ['bench'],
          expiresAt: null,
          limits,
        },
      ],
    }),
    onMessage: ({ id }, message) => {
      if (message.kind === 'usage') hub.acknowledge(id, message.sequence)
    },
    onConnect: () => {},
    onDisconnect: () => {},
  })
  const program = path.join(import.meta.dirname, '../packages/server/src/gateway-main.ts')
  const env = workerEnvironment(folder)
  // As everywhere but at its very first start, what it loads has been compiled before; this ends at once.
  spawnSync(process.execPath, [...WORKER_FLAGS, program], { env: { ...process.env, ...env } })
  const args = [
    ...['--listen', `127.0.0.1:${port}`, '--link-socket', linkSocket],
    ...['--control-socket', path.join(folder, 'control.sock'), '--records', path.join(folder, 'gateways')],
    ...['--log', path.join(folder, 'gateway.log')],
    ...(isEncrypted ? certificateArguments() : []),
  ]
  const nodeFlags = process.env['BENCH_NODE_FLAGS']?.split(' ') ?? []
  const child = startOn(PROXY_CORE, process.execPath, [...WORKER_FLAGS, ...nodeFlags, program, ...args], env)
  await listening(port)
  await knowing(port, isEncrypted)
  return {
    name: 'Berth',
    port,
    pids: [child.pid!],
    stop: async () => {
      await stopped(child)
      await hub.close()
    },
  }
}

/** One made for tests. */
function certificateArguments(): string[] {
  const [certificate, key] = [path.join(folder, 'cert.pem'), path.join(folder, 'key.pem')]
  writeFileSync(certificate, FIRST.certificate)
  writeFileSync(key, FIRST.key)
  return ['--tls-cert', certificate, '--tls-key', key]
}

export async function startNginx(engines: readonly number[]): Promise<RunningProxy> {
  const nginx = ['/usr/sbin/nginx', '/usr/bin/nginx', '/usr/local/bin/nginx'].find((file) => existsSync(file))
  if (!nginx) {
    throw new Error('The yardstick is nginx, which is not here. On Debian: apt-get install nginx-light')
  }
  const [port = 0] = await freePorts(1)
  const home = path.join(folder, 'nginx')
  mkdirSync(home, { recursive: true })
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const config = path.join(home, 'nginx.conf')
  writeFileSync(
    config,
    `daemon off; master_process off; worker_processes 1; pid ${home}/pid; error_log ${home}/error.log warn;
events { worker_connections 8192; }
http {
  map_hash_bucket_size 128; access_log off; keepalive_requests 1000000000; keepalive_timeout 65; tcp_nodelay on;
  ${temporary.map((name) => `${name}_temp_path ${home}/${name};`).join(' ')}
  map $http_authorization $may { default 0; "Bearer ${TOKEN}" 1; }
  upstream engines {
    least_conn; ${engines.map((port) => `server 127.0.0.1:${port};`).join(' ')}
    keepalive 1024; keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096; client_max_body_size 16m; client_body_buffer_size 512k;
    location /e/bench/m1/ {
      if ($may = 0) { return 401; }
      proxy_pass http://engines/; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Authorization ""; proxy_set_header X-Request-Id $request_id;
      add_header X-Request-Id $request_id; proxy_buffering off; proxy_request_buffering on;
      proxy_read_timeout 600s; proxy_next_upstream error timeout; proxy_next_upstream_tries 2;
    }
  }
}
`,
  )
  const child = startOn(PROXY_CORE, nginx, ['-p', home, '-c', config])
  await listening(port)
  return { name: 'nginx', port, pids: [child.pid!], stop: () => stopped(child) }
}

const PEERS = path.join(import.meta.dirname, 'peers')

/** They are installed when they are first needed, because they are large and only for comparison. */
export function installPeers(): void {
  if (existsSync(path.join(PEERS, 'node_modules/@portkey-ai/gateway'))) return
  console.log('installing @fastify/http-proxy and @portkey-ai/gateway into bench/peers …')
  execFileSync('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts'], {
    cwd: PEERS,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

export async function startFastify(engines: readonly number[]): Promise<RunningProxy> {
  const [port = 0] = await freePorts(1)
  const args = [path.join(PEERS, 'fastify.mjs'), String(port), `http://127.0.0.1:${engines[0]}`, TOKEN]
  const child = startOn(PROXY_CORE, process.execPath, args)
  await listening(port)
  return { name: '@fastify/http-proxy', port, pids: [child.pid!], stop: () => stopped(child) }
}

export async function startPortkey(): Promise<RunningProxy> {
  const [port = 0] = await freePorts(1)
  const program = path.join(PEERS, 'node_modules/@portkey-ai/gateway/build/start-server.js')
  const child = startOn(PROXY_CORE, process.execPath, [program, `--port=${port}`, '--headless'], {
    TRUSTED_CUSTOM_HOSTS: '127.0.0.1',
  })
  await listening(port)
  return { name: '@portkey-ai/gateway', port, pids: [child.pid!], stop: () => stopped(child) }
}

const LITELLM = path.join(PEERS, 'litellm')

/** Into an environment of its own, a gigabyte of it. @returns why there is none; undefined when there is. */
export function installLiteLlm(): string | undefined {
  if (existsSync(path.join(LITELLM, 'installed'))) return undefined
  console.log('installing LiteLLM’s proxy into bench/peers/litellm …')
  const made = spawnSync('python3', ['-m', 'venv', LITELLM])
  if (made.error || made.status !== 0) return 'Python has no venv here'
  const pip = spawnSync(path.join(LITELLM, 'bin/pip'), ['install', '--quiet', 'litellm[proxy]'])
  if (pip.status !== 0) return 'PyPI does not give it'
  writeFileSync(path.join(LITELLM, 'installed'), '')
  return undefined
}

export async function startLiteLlm(engines: readonly number[]): Promise<RunningProxy> {
  const [port = 0] = await freePorts(1)
  const config = path.join(folder, 'litellm.json')
  const models = engines.map((engine) => ({
    model_name: 'bench/m1',
    litellm_params: { model: 'openai/m1', api_base: `http://127.0.0.1:${engine}/v1`, api_key: 'replica-key' },
  }))
  writeFileSync(config, JSON.stringify({ model_list: models, general_settings: { master_key: TOKEN } }))
  const args = ['--config', config, '--host', '127.0.0.1', '--port', String(port), '--telemetry', 'False']
  const child = startOn(PROXY_CORE, path.join(LITELLM, 'bin/litellm'), args, {
    LITELLM_LOCAL_MODEL_COST_MAP: 'True',
    LITELLM_LOG: 'ERROR',
  })
  await listening(port, 60_000)
  return { name: 'LiteLLM', port, pids: [child.pid!], stop: () => stopped(child) }
}

/** User and system time of a process so far, in seconds; resident bytes. Linux only, as `taskset` is. */
export function usedBy({ pids }: RunningProxy): {
  readonly cpuSeconds: number
  readonly residentBytes: number
} {
  let cpuSeconds = 0
  let residentBytes = 0
  for (const pid of pids) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ')
    cpuSeconds += (Number(fields[11]) + Number(fields[12])) / 100
    const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
    residentBytes += Number(resident) * 1024
  }
  return { cpuSeconds, residentBytes }
}
