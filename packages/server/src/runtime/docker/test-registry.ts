/** For the tests of this folder: a registry of images on loopback, with one image, that can be private and slow. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'

const MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json'
const TAG_PATH = '/v2/acme/engine/manifests/1.0'

export type TestRegistry = {
  /** `host:port`; a daemon speaks plain HTTP to a registry on loopback. */
  readonly host: string
  /** Of the manifest. */
  readonly digest: string
  /** How often somebody asked what the tag is: once for each pull. */
  tagRequests: number
  /** Lets the second half of the layer out, which is held back until then. */
  release(): void
  close(): Promise<void>
}

type Options = {
  /** What the image's root directory holds, as a tar. */
  readonly layer: Buffer
  /** `user:password`; everybody may read without. */
  readonly login?: string
}

export async function startRegistry({ layer, login }: Options): Promise<TestRegistry> {
  const blob = gzipSync(layer)
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [sha256(layer)] },
      history: [{ created_by: 'test' }],
    }),
  )
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: { mediaType: 'application/vnd.docker.container.image.v1+json', ...measure(config) },
      layers: [{ mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip', ...measure(blob) }],
    }),
  )
  const released = Promise.withResolvers<void>()
  const routes: Readonly<Record<string, readonly [string, Buffer]>> = {
    '/v2/': ['application/json', Buffer.from('{}')],
    [TAG_PATH]: [MANIFEST_TYPE, manifest],
    [`/v2/acme/engine/manifests/${sha256(manifest)}`]: [MANIFEST_TYPE, manifest],
    [`/v2/acme/engine/blobs/${sha256(config)}`]: ['application/octet-stream', config],
    [`/v2/acme/engine/blobs/${sha256(blob)}`]: ['application/octet-stream', blob],
  }
  const server = createServer((request, response) => void answer(request, response))
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (login && request.headers.authorization !== `Basic ${Buffer.from(login).toString('base64')}`) {
      return refuse(response, 401, 'UNAUTHORIZED', 'authentication required')
    }
    const [type, body] = routes[request.url ?? ''] ?? []
    if (!type || !body) return refuse(response, 404, 'MANIFEST_UNKNOWN', 'manifest unknown')
    const length = {
      'Content-Type': type,
      'Content-Length': body.length,
      'Docker-Content-Digest': sha256(body),
    }
    response.writeHead(200, length)
    if (request.url === TAG_PATH) registry.tagRequests += 1
    if (request.method === 'HEAD') return void response.end()
    if (body !== blob) return void response.end(body)
    response.write(blob.subarray(0, blob.length / 2))
    await released.promise
    response.end(blob.subarray(blob.length / 2))
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const registry: TestRegistry = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    digest: sha256(manifest),
    tagRequests: 0,
    release: () => released.resolve(),
    close: async () => {
      released.resolve()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return registry
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'WWW-Authenticate': 'Basic realm="test"' })
  response.end(JSON.stringify({ errors: [{ code, message }] }))
}

const sha256 = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
const measure = (bytes: Buffer) => ({ size: bytes.length, digest: sha256(bytes) })
