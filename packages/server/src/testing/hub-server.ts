/**
 * A small Hub for tests: repositories with commits, branches and files, tokens, gates, and the ways a Hub and the
 * network to it disappoint.
 *
 * It answers with the routes and headers of the real one: large files are answered with an absolute redirect to a
 * second origin, which must never see a token. Faults are asked for one by one; each spoils one transfer.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type HubFiles = Readonly<Record<string, string | Uint8Array>>

export type HubRepository = {
  /** Files of the default branch. */
  readonly files: HubFiles
  readonly private?: boolean
  readonly gated?: boolean
  /** What a search says of it besides. */
  readonly task?: string
  readonly library?: string
  readonly downloads?: number
  /** Further branches and tags with their own files. */
  readonly revisions?: Readonly<Record<string, HubFiles>>
}

/** What goes wrong with one transfer of content. */
export type HubFault =
  /** Sends this many bytes and breaks the connection; from the beginning if it does not know ranges. */
  | { readonly kind: 'cut'; readonly afterBytes: number; readonly ignoresRange?: true }
  /** Sends this many bytes and then nothing, with the connection open. */
  | { readonly kind: 'stall'; readonly afterBytes: number }
  /** Sends everything from the beginning, whatever was asked for. */
  | { readonly kind: 'ignoreRange' }
  /** Sends as many bytes as promised, but others. */
  | { readonly kind: 'wrongContent' }
  /** Announces and sends fewer bytes than the listing promised. */
  | { readonly kind: 'shorter' }
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }

export type SeenRequest = {
  readonly method: string
  readonly url: string
  readonly range: string | undefined
  readonly authorization: string | undefined
  /** Whether it came to the second origin, to which large files are redirected. */
  readonly isStorage: boolean
}

export type HubServer = {
  readonly url: string
  readonly seen: SeenRequest[]
  /** Taken one by one, each by the next transfer of content. */
  readonly faults: HubFault[]
  /** Taken one by one by the next request to `/api`. */
  readonly apiFaults: { readonly status: number; readonly headers?: Readonly<Record<string, string>> }[]
  /** Bytes of content per second and transfer, for what must be caught in the middle. */
  bytesPerSecond: number | undefined
  /** Files on one page of a listing. */
  pageSize: number
  add(name: string, repository: HubRepository): void
  /** @param granted repositories, gated or private, that this token may read. */
  addToken(token: string, granted?: readonly string[]): void
  commitOf(name: string, revision?: string): string
  close(): Promise<void>
}

type File = {
  readonly path: string
  readonly content: Buffer
  readonly isLarge: boolean
  readonly oid: string
}
type Commit = { readonly id: string; readonly files: ReadonlyMap<string, File> }
type Repository = HubRepository & { readonly commits: ReadonlyMap<string, Commit> }

const LARGE = /\.(gguf|safetensors|bin)$/
const DRIP_MS = 10

export async function startHubServer(): Promise<HubServer> {
  const repositories = new Map<string, Repository>()
  const tokens = new Map<string, readonly string[]>()
  const seen: SeenRequest[] = []
  const faults: HubFault[] = []
  const apiFaults: HubServer['apiFaults'] = []
  const hub = createServer((request, response) => serve(request, response, false))
  const storage = createServer((request, response) => serve(request, response, true))
  const [url, storageUrl] = await Promise.all([listen(hub), listen(storage)])

  const server: HubServer = {
    url,
    seen,
    faults,
    apiFaults,
    bytesPerSecond: undefined,
    pageSize: 1000,
    add: (name, repository) => {
      const branches = { main: repository.files, ...repository.revisions }
      const commits = Object.entries(branches).map(([branch, files]): [string, Commit] => [
        branch,
        commitOf(name, files),
      ])
      repositories.set(name, { ...repository, commits: new Map(commits) })
    },
    addToken: (token, granted = []) => {
      tokens.set(token, granted)
    },
    commitOf: (name, revision = 'main') => repositories.get(name)!.commits.get(revision)!.id,
    close: async () => {
      await Promise.all([shut(hub), shut(storage)])
    },
  }
  return server

  function serve(request: IncomingMessage, response: ServerResponse, isStorage: boolean) {
    const { pathname, searchParams } = new URL(request.url ?? '/', url)
    const { authorization, range } = request.headers
    seen.push({ method: request.method ?? '', url: request.url ?? '', range, authorization, isStorage })

    if (isStorage) {
      const [, name = '', commit = '', path = ''] = pathname.split('/').map(decodeURIComponent)
      const file = findCommit(repositories.get(name), commit)?.files.get(path)
      return file ? transfer(request, response, file) : refuse(response, 404, 'EntryNotFound')
    }
    if (pathname === '/api/models') return search(request, response, searchParams)
    const api = /^\/api\/models\/([^/]+\/[^/]+)(?:\/(revision|tree|auth-check)(?:\/([^/]+))?)?$/.exec(
      pathname,
    )
    if (api) {
      const fault = apiFaults.shift()
      if (fault) return refuse(response, fault.status, undefined, fault.headers)
      const [, name = '', verb, revision = 'main'] = api
      const repository = visible(request, response, name, verb === 'auth-check')
      if (!repository) return
      if (verb === 'auth-check') return json(response, {})
      const commit = findCommit(repository, decodeURIComponent(revision))
      if (!commit) return refuse(response, 404, 'RevisionNotFound')
      if (verb === 'tree') return listing(response, name, commit, Number(searchParams.get('cursor') ?? 0))
      const { gated = false, private: isPrivate = false } = repository
      return json(response, { id: name, sha: commit.id, gated: gated && 'manual', private: isPrivate })
    }
    const resolve = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(pathname)
    if (!resolve) return refuse(response, 404)
    const [, name = '', revision = '', path = ''] = resolve
    const repository = visible(request, response, name, true)
    if (!repository) return
    const commit = findCommit(repository, decodeURIComponent(revision))
    if (!commit) return refuse(response, 404, 'RevisionNotFound')
    const file = commit.files.get(path.split('/').map(decodeURIComponent).join('/'))
    if (!file) return refuse(response, 404, 'EntryNotFound', { 'x-repo-commit': commit.id })
    deliver(request, response, name, commit, file)
  }

  /** Every word somewhere in the name, as the real one does. */
  function search(request: IncomingMessage, response: ServerResponse, asked: URLSearchParams) {
    const fault = apiFaults.shift()
    if (fault) return refuse(response, fault.status, undefined, fault.headers)
    const token = request.headers.authorization?.replace(/^Bearer /, '')
    const granted = token === undefined ? [] : tokens.get(token)
    if (!granted) return refuse(response, 401)
    const words = (asked.get('search') ?? '').toLowerCase().split(/\s+/)
    const task = asked.get('pipeline_tag')
    const found = [...repositories]
      .filter(([name, { private: isPrivate }]) => !isPrivate || granted.includes(name))
      .filter(([name, repository]) => {
        const isMeant = task === null || repository.task === task
        return isMeant && words.every((word) => name.toLowerCase().includes(word))
      })
      .map(([id, { private: isPrivate = false, gated = false, downloads = 0, ...said }]) => ({
        _id: sha256(Buffer.from(id)).slice(0, 24),
        id,
        private: isPrivate,
        gated: gated && 'manual',
        downloads,
        likes: 1,
        lastModified: '2026-08-01T10:00:00.000Z',
        ...(said.task !== undefined && { pipeline_tag: said.task }),
        ...(said.library !== undefined && { library_name: said.library }),
      }))
      .toSorted((a, b) => b.downloads - a.downloads)
    json(response, found.slice(0, Number(asked.get('limit') ?? 500)))
  }

  /** Answers the refusal itself when the caller may not see the repository. */
  function visible(request: IncomingMessage, response: ServerResponse, name: string, isContent: boolean) {
    const token = request.headers.authorization?.replace(/^Bearer /, '')
    const granted = token === undefined ? [] : tokens.get(token)
    if (!granted) {
      const message = 'Invalid credentials in Authorization header'
      return void refuse(response, 401, undefined, { 'x-error-message': message })
    }
    const repository = repositories.get(name)
    const anonymous = token === undefined
    if (!repository || (repository.private && !granted.includes(name))) {
      return void refuse(response, anonymous ? 401 : 404, 'RepoNotFound')
    }
    if (isContent && repository.gated && !granted.includes(name)) {
      return void refuse(response, anonymous ? 401 : 403, 'GatedRepo')
    }
    return repository
  }

  function listing(response: ServerResponse, name: string, commit: Commit, cursor: number): void {
    const files = [...commit.files.values()]
    const next = cursor + server.pageSize
    const more = `${url}/api/models/${name}/tree/${commit.id}?recursive=true&cursor=${next}`
    const page = files.slice(cursor, next).map(({ path, oid, content, isLarge }) => ({
      type: 'file',
      path,
      oid,
      size: content.length,
      ...(isLarge && { lfs: { oid: sha256(content), size: content.length, pointerSize: 130 } }),
    }))
    json(response, page, next < files.length ? { link: `<${more}>; rel="next"` } : {})
  }

  function deliver(
    request: IncomingMessage,
    response: ServerResponse,
    name: string,
    commit: Commit,
    file: File,
  ) {
    response.setHeader('x-repo-commit', commit.id)
    if (!file.isLarge) return transfer(request, response, file)
    response.writeHead(302, {
      location: `${storageUrl}/${[name, commit.id, file.path].map(encodeURIComponent).join('/')}`,
      'x-linked-etag': `"${sha256(file.content)}"`,
      'x-linked-size': file.content.length,
    })
    response.end()
  }

  function transfer(request: IncomingMessage, response: ServerResponse, file: File) {
    const fault = request.method === 'HEAD' ? undefined : faults.shift()
    if (fault?.kind === 'status') return refuse(response, fault.status, undefined, fault.headers)

    const total = file.content.length
    const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1]
    const ignoresRange =
      fault?.kind === 'ignoreRange' || (fault?.kind === 'cut' && fault.ignoresRange === true)
    const from = asked === undefined || ignoresRange ? 0 : Number(asked)
    if (asked !== undefined && from >= total && from > 0) {
      response.writeHead(416, { 'content-range': `bytes */${total}` }).end()
      return
    }
    const isPart = asked !== undefined && !ignoresRange
    const body = spoiled(file.content.subarray(from), fault)
    response.writeHead(isPart ? 206 : 200, {
      etag: `"${file.isLarge ? sha256(file.content) : file.oid}"`,
      'accept-ranges': 'bytes',
      'content-length': body.length,
      ...(isPart && { 'content-range': `bytes ${from}-${total - 1}/${total}` }),
    })
    if (request.method === 'HEAD') response.end()
    else if (fault?.kind === 'cut') cutAfter(response, body.subarray(0, fault.afterBytes))
    else if (fault?.kind === 'stall') response.write(body.subarray(0, fault.afterBytes))
    else if (server.bytesPerSecond !== undefined) drip(response, body, server.bytesPerSecond)
    else response.end(body)
  }
}

function commitOf(name: string, contents: HubFiles): Commit {
  const files = Object.entries(contents).map(([path, content]): [string, File] => {
    const bytes = Buffer.from(content)
    const oid = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
    return [path, { path, content: bytes, isLarge: LARGE.test(path), oid }]
  })
  const tree = files.map(([path, { oid }]) => `${oid} ${path}`).join('\n')
  return { id: createHash('sha1').update(`${name}\n${tree}`).digest('hex'), files: new Map(files) }
}

function findCommit(repository: Repository | undefined, revision: string): Commit | undefined {
  if (!repository) return undefined
  return (
    repository.commits.get(revision) ?? [...repository.commits.values()].find(({ id }) => id === revision)
  )
}

function spoiled(content: Buffer, fault: HubFault | undefined): Buffer {
  if (fault?.kind === 'wrongContent') return Buffer.from(content.map((byte) => byte ^ 0xff))
  return fault?.kind === 'shorter' ? content.subarray(0, content.length - 1) : content
}

function cutAfter(response: ServerResponse, part: Buffer): void {
  if (part.length === 0) response.flushHeaders()
  response.write(part.length === 0 ? '' : part, () => response.socket?.destroySoon())
  if (part.length === 0) response.socket?.destroySoon()
}

function drip(response: ServerResponse, body: Buffer, bytesPerSecond: number): void {
  const step = Math.max(1, Math.round((bytesPerSecond * DRIP_MS) / 1000))
  let sent = 0
  const timer = setInterval(() => {
    const part = body.subarray(sent, sent + step)
    sent += part.length
    if (sent < body.length) return void response.write(part)
    clearInterval(timer)
    response.end(part)
  }, DRIP_MS)
  response.on('close', () => clearInterval(timer))
}

function refuse(
  response: ServerResponse,
  status: number,
  code?: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const message = headers['x-error-message'] ?? code ?? `status ${status}`
  const codes = code === undefined ? {} : { 'x-error-code': code }
  json(response, { error: message }, { 'x-error-message': message, ...codes, ...headers }, status)
}

function json(
  response: ServerResponse,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
  status = 200,
) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex')

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function shut(server: Server): Promise<void> {
  server.close()
  server.closeAllConnections()
  await once(server, 'close')
}
