/**
 * The door to the artifacts room: model files, from wherever they come, on this machine's disk.
 *
 * `resolve` pins a name to a commit and lists its files without downloading any; `acquire` makes the files be
 * there, at most one download at a time for the same content, and keeps them from eviction until released.
 */
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

  /** Deletes the least recently used content that nobody holds until at most `capBytes` are used. @returns bytes freed. */
  evict(capBytes: number): Promise<number>
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
