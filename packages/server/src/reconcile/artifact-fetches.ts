/**
 * Which artifacts are being fetched or held for which revision.
 *
 * Asking is immediate: the answer says where the files are, how far they have come, or why they will not. A fetch
 * runs on its own and hints when there is news. What was fetched is held from eviction until released.
 */
import type { AcquiredArtifact, DownloadProgress, ModelStore } from '../artifacts/model-store.ts'
import type { Artifact } from '../domain/artifact.ts'
import type { EndpointId } from '../domain/replica.ts'

export type Fetched =
  | { readonly state: 'fetching'; readonly progress: DownloadProgress | undefined }
  | { readonly state: 'here'; readonly path: string }
  | { readonly state: 'failed'; readonly error: unknown }

type Fetch = {
  result: Fetched
  readonly artifact: Artifact
  readonly cancel: AbortController
  handle: AcquiredArtifact | undefined
}

type FetchKey = `${EndpointId}/${number}`
const keyOf = (endpointId: EndpointId, revision: number): FetchKey => `${endpointId}/${revision}`

export class ArtifactFetches {
  readonly #models: ModelStore
  readonly #onNews: (endpointId: EndpointId) => void
  readonly #fetches = new Map<FetchKey, Fetch>()

  constructor(models: ModelStore, onNews: (endpointId: EndpointId) => void) {
    this.#models = models
    this.#onNews = onNews
  }

  /** What is known of the files of a revision, beginning to fetch them if nobody has. */
  want(endpointId: EndpointId, revision: number, artifact: Artifact, token: string | undefined): Fetched {
    const key = keyOf(endpointId, revision)
    const known = this.#fetches.get(key)
    if (known) return known.result
    const fetch: Fetch = {
      artifact,
      result: { state: 'fetching', progress: undefined },
      cancel: new AbortController(),
      handle: undefined,
    }
    this.#fetches.set(key, fetch)
    void this.#run(endpointId, fetch, token)
    return fetch.result
  }

  /** How many are on their way. */
  get underWay(): number {
    return [...this.#fetches.values()].filter(({ result }) => result.state === 'fetching').length
  }

  /** Lets go of every revision of the endpoint but those in `keep`, and of failures, so that they can be tried again. */
  releaseAllBut(endpointId: EndpointId, keep: ReadonlySet<number>): void {
    for (const [key, fetch] of this.#fetches) {
      if (!key.startsWith(`${endpointId}/`)) continue
      if (keep.has(Number(key.slice(endpointId.length + 1))) && fetch.result.state !== 'failed') continue
      this.#fetches.delete(key)
      fetch.cancel.abort()
      fetch.handle?.release()
    }
  }

  close(): void {
    for (const fetch of this.#fetches.values()) {
      fetch.cancel.abort()
      fetch.handle?.release()
    }
    this.#fetches.clear()
  }

  async #run(endpointId: EndpointId, fetch: Fetch, token: string | undefined): Promise<void> {
    try {
      const handle = await this.#models.acquire(fetch.artifact, {
        ...(token ? { token } : {}),
        signal: fetch.cancel.signal,
        onProgress: (progress) => {
          fetch.result = { state: 'fetching', progress }
        },
      })
      if (fetch.cancel.signal.aborted) return handle.release()
      fetch.handle = handle
      fetch.result = { state: 'here', path: handle.path }
    } catch (error) {
      fetch.result = { state: 'failed', error }
    }
    if (!fetch.cancel.signal.aborted) this.#onNews(endpointId)
  }
}
