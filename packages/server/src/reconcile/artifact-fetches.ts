/**
 * Which artifacts are being fetched or held for which revision.
 *
 * Asking is immediate: the answer says where the files are, how far they have come, or why they will not. A fetch
 * runs on its own and hints when there is news. What was fetched is held from eviction until released.
 */
import type { AcquiredArtifact, DownloadProgress, ModelStore } from '../artifacts/model-store.ts'
import { type Adapter, adapterId } from '../domain/adapter.ts'
import type { Artifact } from '../domain/artifact.ts'
import { PlatformError } from '../domain/errors.ts'
import type { EndpointId } from '../domain/replica.ts'

export type Fetched =
  | { readonly state: 'fetching'; readonly progress: DownloadProgress | undefined }
  | {
      readonly state: 'here'
      readonly path: string
      /** Of its adapters, by what engines call them. */
      readonly adapterPaths?: Readonly<Record<string, string>>
    }
  | { readonly state: 'failed'; readonly error: unknown }

type Fetch = {
  result: Fetched
  readonly artifact: Artifact
  readonly cancel: AbortController
  readonly handles: AcquiredArtifact[]
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
      handles: [],
    }
    this.#fetches.set(key, fetch)
    void this.#run(endpointId, fetch, token)
    return fetch.result
  }

  /** Where the files of a revision are, if they are held already. */
  held(endpointId: EndpointId, revision: number): Extract<Fetched, { state: 'here' }> | undefined {
    const result = this.#fetches.get(keyOf(endpointId, revision))?.result
    return result?.state === 'here' ? result : undefined
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
      abandon(fetch)
    }
  }

  close(): void {
    for (const fetch of this.#fetches.values()) abandon(fetch)
    this.#fetches.clear()
  }

  async #run(endpointId: EndpointId, fetch: Fetch, token: string | undefined): Promise<void> {
    try {
      const path = await this.#acquire(fetch.artifact, fetch, token)
      const adapterPaths: Record<string, string> = {}
      for (const adapter of fetch.artifact.adapters ?? []) {
        adapterPaths[adapterId(adapter)] = await this.#acquire(adapter.artifact, fetch, token)
        await this.#refuseChanged(adapter)
      }
      if (fetch.cancel.signal.aborted) return
      fetch.result = { state: 'here', path, ...(fetch.artifact.adapters && { adapterPaths }) }
    } catch (error) {
      fetch.result = { state: 'failed', error }
    }
    if (!fetch.cancel.signal.aborted) this.#onNews(endpointId)
  }

  async #acquire(artifact: Artifact, fetch: Fetch, token: string | undefined): Promise<string> {
    const handle = await this.#models.acquire(artifact, {
      ...(token ? { token } : {}),
      signal: fetch.cancel.signal,
      onProgress: (progress) => {
        fetch.result = { state: 'fetching', progress }
      },
    })
    if (fetch.cancel.signal.aborted) handle.release()
    else fetch.handles.push(handle)
    return handle.path
  }

  /** What a hub sends was held against its hash already; a directory may have changed since. */
  async #refuseChanged({ name, hash, artifact }: Adapter): Promise<void> {
    if (artifact.source === 'hub') return
    const now = await this.#models.identify(artifact, {})
    if (now.hash === hash) return
    throw new PlatformError(
      'invalid',
      `The adapter "${name}" at ${artifact.repository} is not what was deployed: its files have changed. Update the endpoint with the same adapter to serve what is there now.`,
      { reason: 'content_mismatch', field: `model.adapters.${name}` },
    )
  }
}

function abandon(fetch: Fetch): void {
  fetch.cancel.abort()
  for (const handle of fetch.handles.splice(0)) handle.release()
}
