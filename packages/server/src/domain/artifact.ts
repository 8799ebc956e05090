/** An artifact: one pinned model revision and the files of it that an engine needs. */
import type { Adapter } from './adapter.ts'

export type ArtifactFile = {
  /** Relative to the repository's root, with forward slashes. */
  readonly path: string
  readonly sizeBytes: number
  /** Of the content, when the source knows it; what was downloaded is held against it. */
  readonly sha256?: string
  /** The source's own version of the content, when it has no sha256. */
  readonly etag?: string
}

export type Artifact = {
  readonly source: 'hub' | 'directory' | 'builtin'
  /** As the user wrote it: `org/name`, `file:/path`, `berth/guide`. */
  readonly repository: string
  /** The commit for the Hub; null where there are no commits. */
  readonly revision: string | null
  readonly files: readonly ArtifactFile[]
  /** What is served beside it. */
  readonly adapters?: readonly Adapter[]
}

/** With everything that is beside it. */
export function artifactBytes({ files, adapters = [] }: Artifact): number {
  const own = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  return adapters.reduce((sum, adapter) => sum + artifactBytes(adapter.artifact), own)
}
