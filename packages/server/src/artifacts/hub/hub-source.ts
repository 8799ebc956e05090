/**
 * The Hub as a source: pins a name to a commit, lists its files and sends their content.
 *
 * The `@huggingface/hub` package walks the listing's pages; the requests are our own, since the package knows neither
 * timeouts nor resuming, drops the headers in which the Hub says why it refuses, and takes only tokens that begin
 * with `hf_`. What becomes of the bytes is the cache's business.
 */
import type { Artifact, ArtifactFile } from '../../domain/artifact.ts'
import { PlatformError } from '../../domain/errors.ts'
import { artifactFailure, failedBecause, systemCode } from '../artifact-failure.ts'
import { backoffMs } from '../artifact-limits.ts'
import type { BlobSource, DownloadRooms } from '../cache/blob-download.ts'
import { isSafeRelativePath } from '../safe-path.ts'
import { withSilenceLimit } from '../silence-limit.ts'
import { type HubRequest, hubRefusal, unreachable } from './hub-refusal.ts'

/** One or two names as the Hub allows them: they become parts of URLs and of directories. */
const REPOSITORY = /^(?:[A-Za-z0-9_][\w.-]{0,95}\/)?[A-Za-z0-9_][\w.-]{0,95}$/
const COMMIT = /^[0-9a-f]{40}$/

export const isHubRepository = (name: string) => REPOSITORY.test(name)

export class HubSource {
  readonly #hubUrl: string
  readonly #origin: string
  readonly #rooms: DownloadRooms

  constructor(hubUrl: string, rooms: DownloadRooms) {
    this.#hubUrl = hubUrl.replace(/\/+$/, '')
    this.#origin = new URL(hubUrl).origin
    this.#rooms = rooms
  }

  async resolve(repository: string, revision: string | null, token: string | undefined): Promise<Artifact> {
    const request: HubRequest = { hubUrl: this.#hubUrl, repository, revision, token }
    if (!isHubRepository(repository)) {
      throw artifactFailure(
        'repository_not_found',
        `"${repository}" is not the name of a repository. Write org/name as on the Hub, or file:/absolute/path.`,
      )
    }
    return this.#withRetries(async () => {
      const commit = await this.#pin(request)
      const files = await this.#list(request, commit).catch((error) => {
        if (error instanceof PlatformError) throw error
        throw nonsense(request, 'a listing that cannot be read')
      })
      return { source: 'hub', repository, revision: commit, files }
    })
  }

  /** Where one file's content comes from, for the cache. */
  contentOf(artifact: Artifact, file: ArtifactFile, token: string | undefined): BlobSource {
    const { repository, revision } = artifact
    const request: HubRequest = { hubUrl: this.#hubUrl, repository, revision, path: file.path, token }
    const url = this.#contentUrl(request)

    return {
      description: `"${file.path}" of "${repository}"`,
      read: (offset, { begin, chunk }, signal) =>
        this.#call(request, signal, async (callSignal, heard) => {
          const headers = { 'accept-encoding': 'identity', ...(offset > 0 && { range: `bytes=${offset}-` }) }
          const response = await this.#fetch(url, request, callSignal, headers)
          if (response.status === 416) {
            // It has less than we have: what is here is not part of this file.
            await response.body?.cancel()
            await begin(0)
            throw unreachable(request, 'it has no more bytes of a file that is not complete')
          }
          if (!response.ok) throw await refusal(request, response)
          await begin(startOf(response, offset, file, request))
          for await (const bytes of response.body ?? []) {
            await chunk(bytes)
            heard()
          }
        }),
    }
  }

  /** What the Hub says about a repository, as it says it. */
  async describe({ repository, revision }: Artifact, token: string | undefined): Promise<unknown> {
    const request: HubRequest = { hubUrl: this.#hubUrl, repository, revision, token }
    return this.#call(request, undefined, async (signal) => {
      const at = revision === null ? '' : `/revision/${encodeURIComponent(revision)}`
      const response = await this.#fetch(`${this.#hubUrl}/api/models/${repository}${at}`, request, signal)
      if (!response.ok) throw await refusal(request, response)
      return response.json()
    })
  }

  /** Bytes `from` … `from + length` of a file, and no more of it than that; fewer only where it ends. */
  async readPart(
    artifact: Artifact,
    path: string,
    { from, length }: { readonly from: number; readonly length: number },
    token: string | undefined,
  ): Promise<Uint8Array> {
    const { repository, revision } = artifact
    const request: HubRequest = { hubUrl: this.#hubUrl, repository, revision, path, token }
    return this.#call(request, undefined, async (signal, heard) => {
      const headers = { 'accept-encoding': 'identity', range: `bytes=${from}-${from + length - 1}` }
      const response = await this.#fetch(this.#contentUrl(request), request, signal, headers)
      if (response.status === 416) {
        await response.body?.cancel()
        return new Uint8Array()
      }
      if (!response.ok) throw await refusal(request, response)
      const startsAt = response.status === 206 ? from : 0
      return partOf(response, { from: from - startsAt, length }, heard)
    })
  }

  #contentUrl({ repository, revision, path = '' }: HubRequest): string {
    const escapedPath = path.split('/').map(encodeURIComponent).join('/')
    return `${this.#hubUrl}/${repository}/resolve/${encodeURIComponent(revision ?? 'main')}/${escapedPath}`
  }

  async #pin(request: HubRequest): Promise<string> {
    const { repository, revision } = request
    const at = revision === null ? '' : `/revision/${encodeURIComponent(revision)}`
    const model = await this.#call(request, undefined, async (signal) => {
      const response = await this.#fetch(`${this.#hubUrl}/api/models/${repository}${at}`, request, signal)
      if (!response.ok) throw await refusal(request, response)
      return (await response.json()) as { readonly sha?: unknown; readonly gated?: unknown }
    })
    if (typeof model.sha !== 'string' || !COMMIT.test(model.sha)) throw nonsense(request, 'no commit id')
    // A gated repository shows its listing to everybody: ask now, not in the middle of a start.
    if (model.gated) await this.#checkAccess(request)
    return model.sha
  }

  async #checkAccess(request: HubRequest): Promise<void> {
    await this.#call(request, undefined, async (signal) => {
      const url = `${this.#hubUrl}/api/models/${request.repository}/auth-check`
      const response = await this.#fetch(url, request, signal)
      const isUnknownRoute = response.status === 404 && !response.headers.has('x-error-code')
      if (!response.ok && !isUnknownRoute) throw await refusal(request, response)
      await response.body?.cancel()
    })
  }

  async #list(request: HubRequest, commit: string): Promise<ArtifactFile[]> {
    const { limits } = this.#rooms
    // Loaded only by those who list a repository: the package costs 10 MB of memory.
    const { listFiles } = await import('@huggingface/hub')
    const pages = listFiles({
      repo: { type: 'model', name: request.repository },
      revision: commit,
      recursive: true,
      hubUrl: this.#hubUrl,
      fetch: (url) => this.#page(String(url), { ...request, revision: commit }),
    })
    const files: ArtifactFile[] = []
    for await (const entry of pages) {
      if (entry.type !== 'file') continue
      const sizeBytes = entry.lfs?.size ?? entry.size
      if (!isSafeRelativePath(entry.path)) throw nonsense(request, `a file named "${entry.path}"`)
      if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0)
        throw nonsense(request, `no size for "${entry.path}"`)
      if (files.length === limits.files) {
        throw new PlatformError(
          'invalid',
          `The repository "${request.repository}" has more than ${limits.files} files, the most that one may have here.`,
        )
      }
      const version = entry.lfs ? { sha256: entry.lfs.oid } : entry.oid ? { etag: entry.oid } : {}
      files.push({ path: entry.path, sizeBytes, ...version })
    }
    return files
  }

  /** One page of the listing, read whole, so that the silence limit covers its body too. */
  #page(url: string, request: HubRequest): Promise<Response> {
    return this.#call(request, undefined, async (signal) => {
      const response = await this.#fetch(url, request, signal, { accept: 'application/json' })
      if (!response.ok) throw await refusal(request, response)
      return new Response(await response.arrayBuffer(), { headers: response.headers })
    })
  }

  /** A redirect to another origin loses the token: `fetch` promises that, and a test holds it to it. */
  async #fetch(
    url: string,
    request: HubRequest,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const isOurs = new URL(url).origin === this.#origin
    const authorization = request.token !== undefined &&
      isOurs && { authorization: `Bearer ${request.token}` }
    return fetch(url, { signal, headers: { ...headers, ...authorization } })
  }

  /** Runs one exchange under the silence limit; what goes wrong on the way becomes `hub_unreachable`. */
  async #call<Result>(
    request: HubRequest,
    signal: AbortSignal | undefined,
    exchange: (signal: AbortSignal, heard: () => void) => Promise<Result>,
  ): Promise<Result> {
    const { clock, limits } = this.#rooms
    try {
      return await withSilenceLimit({ clock, silenceMs: limits.silenceMs, signal }, exchange)
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof PlatformError || isSystemError(error)) throw error
      throw unreachable(request, networkCause(error), { cause: error })
    }
  }

  async #withRetries<Result>(attempt: () => Promise<Result>): Promise<Result> {
    const { clock, limits } = this.#rooms
    for (let failed = 1; ; failed++) {
      try {
        return await attempt()
      } catch (error) {
        if (!failedBecause(error, 'hub_unreachable') || failed >= RESOLVE_ATTEMPTS) throw error
        await clock.sleep(backoffMs(failed, limits))
      }
    }
  }
}

/** Somebody waits for the answer, so fewer than a download has. */
const RESOLVE_ATTEMPTS = 3

async function refusal(request: HubRequest, response: Response): Promise<PlatformError> {
  await response.body?.cancel()
  return hubRefusal(request, response)
}

/** Where the answer begins; a source that ignores the range begins at 0. */
function startOf(response: Response, offset: number, file: ArtifactFile, request: HubRequest): number {
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '')
  const isEncoded = response.headers.has('content-encoding')
  const length = response.headers.get('content-length')
  const total = response.status === 206 ? range?.[2] : isEncoded ? null : length
  if (total && total !== '*' && Number(total) !== file.sizeBytes) {
    throw artifactFailure(
      'content_mismatch',
      `"${file.path}" of "${request.repository}" has ${total} bytes, and the listing promised ${file.sizeBytes}. ` +
        'Something between here and the Hub changes files, or the Hub is wrong.',
    )
  }
  if (response.status !== 206) return 0
  if (Number(range?.[1] ?? Number.NaN) !== offset)
    throw unreachable(request, 'it sent another part than asked for')
  return offset
}

/** Reads no further than asked, also from a source that sends the whole file. */
async function partOf(
  response: Response,
  { from, length }: { readonly from: number; readonly length: number },
  heard: () => void,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let seen = 0
  for await (const bytes of response.body ?? []) {
    heard()
    const piece = bytes.subarray(Math.max(0, from - seen), Math.max(0, from + length - seen))
    if (piece.byteLength > 0) pieces.push(piece)
    seen += bytes.byteLength
    // Leaving the loop cancels the rest.
    if (seen >= from + length) break
  }
  return Buffer.concat(pieces)
}

function nonsense(request: HubRequest, what: string): PlatformError {
  return unreachable(request, `its answer is not a Hub's (${what})`)
}

/** Failures of our own disk, which the cache has already worded where it could. */
const isSystemError = (error: unknown) => error instanceof Error && 'syscall' in error

/** `fetch` hides what happened behind "fetch failed". */
export function networkCause(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  // When every address of a name refuses, the message is empty and only the code tells.
  return cause instanceof Error ? cause.message || systemCode(cause) || cause.name : String(cause)
}
