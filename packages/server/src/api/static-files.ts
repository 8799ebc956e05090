/**
 * Serves the files of one directory, as they were when the server started.
 *
 * Every file is a route of its own and its bytes are in memory, so no request ever becomes a path on the disk. A file
 * with a `.gz` beside it is sent compressed to whoever takes that.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { PlatformError } from '../domain/errors.ts'

/** A console is a few hundred kilobytes; more than this is the wrong directory. */
const MAX_TOTAL_BYTES = 64 * 1024 * 1024

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
}

const PAGE_HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
} as const

type StaticFile = {
  readonly bytes: Buffer
  readonly gzipped: Buffer | undefined
  readonly etag: string
  readonly headers: Readonly<Record<string, string>>
}

export type StaticPages = {
  /** "" or "/docs". */
  readonly prefix: string
  /** Paths that the page itself takes apart: each, and all below it, answers with `index.html`. */
  readonly pages?: readonly string[]
}

/**
 * Binds every file of `directory` below the prefix, and its `index.html` at the prefix itself.
 * Files whose name begins with a dot are left out.
 * @returns how many files there are.
 */
export function bindStaticFiles(
  app: FastifyInstance,
  directory: string,
  { prefix, pages = [] }: StaticPages,
): number {
  const all = fileNames(directory)
  const compressed = new Set(
    all.filter((name) => all.includes(name.replace(/\.gz$/, '')) && /\.gz$/.test(name)),
  )
  const names = all.filter((name) => !compressed.has(name))
  let totalBytes = 0
  for (const name of names) {
    const file = readStaticFile(directory, name, compressed.has(`${name}.gz`))
    totalBytes += file.bytes.byteLength + (file.gzipped?.byteLength ?? 0)
    if (totalBytes > MAX_TOTAL_BYTES) {
      throw new PlatformError(
        'invalid',
        `The files in ${directory} are more than ${MAX_TOTAL_BYTES} bytes: this is not a directory of web pages.`,
      )
    }
    const answer = (request: FastifyRequest, reply: FastifyReply) => sendFile(file, request, reply)
    app.get(`${prefix}/${escaped(name)}`, answer)
    if (name !== 'index.html') continue
    for (const url of [prefix === '' ? '/' : prefix, ...pages.flatMap((page) => [page, `${page}/*`])]) {
      app.get(url, answer)
    }
  }
  return names.length
}

function fileNames(directory: string): string[] {
  const isHidden = (name: string) => name.split('/').some((part) => part.startsWith('.'))
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      path.relative(directory, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'),
    )
    .filter((name) => !isHidden(name))
    .toSorted()
}

function readStaticFile(directory: string, name: string, isCompressed: boolean): StaticFile {
  const bytes = readFileSync(path.join(directory, name))
  const type = MEDIA_TYPES[path.extname(name)] ?? 'application/octet-stream'
  const etag = `W/"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
  return {
    bytes,
    gzipped: isCompressed ? readFileSync(path.join(directory, `${name}.gz`)) : undefined,
    etag,
    headers: {
      'content-type': type,
      etag,
      ...(isCompressed && { vary: 'accept-encoding' }),
      'cache-control': hasHashedName(name) ? 'public, max-age=31536000, immutable' : 'no-cache',
      // An SVG opened by itself is a document too.
      ...(/html|svg/.test(type) && PAGE_HEADERS),
    },
  }
}

/** As the bundler names them: in `assets/`, with eight characters that no plain word is made of. */
function hasHashedName(name: string): boolean {
  const hash = /^assets\/.*-([\w-]{8})\.\w+$/.exec(name)?.[1]
  return hash !== undefined && /[A-Z0-9]/.test(hash)
}

async function sendFile(
  file: StaticFile,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  reply.headers(file.headers)
  // A weak comparison: it is the same file, compressed or not.
  if (request.headers['if-none-match'] === file.etag) return reply.code(304).send()
  if (
    file.gzipped &&
    /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/.test(request.headers['accept-encoding'] ?? '')
  ) {
    return reply.header('content-encoding', 'gzip').send(file.gzipped)
  }
  return reply.send(file.bytes)
}

/** In a route pattern a colon begins a parameter and an asterisk takes everything. */
function escaped(name: string): string {
  return encodeURI(name).replaceAll(':', '::').replaceAll('*', '%2A')
}
