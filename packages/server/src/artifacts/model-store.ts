/**
 * The door to the artifacts room: model files, from wherever they come, on this machine's disk.
 *
 * `resolve` pins a name to a commit and lists its files without downloading any; `acquire` makes the files be
 * there, at most one download at a time for the same content, and keeps them from eviction until released.
 */
import type { HubSearch, HubSearchQuery } from '@berth/contract'
import type { Artifact } from '../domain/artifact.ts'

export interface ModelStore {
  /**
   * Pins `revision` (branch, tag, commit; null for the default) and lists all files of the repository.
   *
   * @throws PlatformError `invalid` with one of the reasons in `ArtifactFailure`, or `unavailable` when the
   *   source cannot be reached now.
   */
  resolve(reference: {
    readonly repository: string
    readonly revision: string | null
    readonly token?: string
  }): Promise<Artifact>

  /**
   * Makes the artifact's files available below one directory, resuming and verifying what is downloaded.
   * What is already complete costs no network. Aborting keeps what was downloaded for the next try.
   */
  acquire(
    artifact: Artifact,
    options: {
      readonly token?: string
      readonly onProgress?: (progress: DownloadProgress) => void
      readonly signal: AbortSignal
    },
  ): Promise<AcquiredArtifact>

  /**
   * What the repository says about itself: from its source and its `config.json`. What cannot be read is left out.
   *
   * @param artifact with all files of the repository, as `resolve` gave it.
   */
  describe(artifact: Artifact, options: { readonly token?: string }): Promise<RepositoryCard>

  /**
   * How large the weights among the artifact's files are, read from the files' headers: of a model that is not here
   * yet, only those bytes are fetched. Undefined where no header is understood or can be had now.
   */
  weigh(artifact: Artifact, options: { readonly token?: string }): Promise<WeighedModel | undefined>

  /** Looks for models on the Hub with the installation's token; where it cannot be asked, the answer says so. */
  search(query: HubSearchQuery): Promise<HubSearch>

  /**
   * What an adapter is, by the content of its files and not by its name. Of a directory they are read.
   */
  identify(artifact: Artifact, options: { readonly token?: string }): Promise<AdapterIdentity>

  /** Deletes the least recently used content that nobody holds until at most `capBytes` are used. @returns bytes freed. */
  evict(capBytes: number): Promise<number>
}

export type AdapterIdentity = {
  /** SHA-256, in hexadecimal. */
  readonly hash: string
  /** Undefined where its configuration is not there or does not say. */
  readonly rank: number | undefined
}

export type RepositoryCard = {
  /** As the Hub says. */
  readonly task: string | undefined
  readonly library: string | undefined
  /** The `config.json`, as it was written. */
  readonly config: unknown
  /** For an adapter, the repository of the model that it was trained on. */
  readonly baseModel?: string
}

export type WeighedModel = {
  /** As they are stored. */
  readonly bytes: number
  readonly parameters: number | undefined
  /** As its maker calls it: "BF16", "F32"; undefined where weights are packed or mixed. */
  readonly dtype: string | undefined
  /** Of a GGUF file, its metadata. */
  readonly gguf: Readonly<Record<string, unknown>> | undefined
}

export type AcquiredArtifact = {
  /** A directory in which every file of the artifact is found under its own path. */
  readonly path: string
  /** Allows eviction. Calling it twice is harmless. */
  release(): void
}

export type DownloadProgress = {
  readonly bytesDone: number
  readonly bytesTotal: number
  readonly bytesPerSecond: number
  /** Undefined until a rate is known. */
  readonly etaMs: number | undefined
}

/** The reasons that an artifact error carries, each with its own message and way out. */
export type ArtifactFailure =
  | 'repository_not_found'
  | 'revision_not_found'
  | 'file_not_found'
  | 'hub_token_invalid'
  | 'hub_gated'
  | 'hub_unreachable'
  | 'path_outside_roots'
  | 'path_not_found'
  | 'disk_full'
  | 'content_mismatch'
