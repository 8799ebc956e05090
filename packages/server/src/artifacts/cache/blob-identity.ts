/**
 * What a blob is called in the cache, and how its content is held against its name.
 *
 * A sha256 and a git object id both name the content itself, so one blob serves every repository and revision that
 * has it. Anything else names a place: such a blob is kept for that file of that revision only, and a download that
 * was cut cannot be continued, since nothing would tell whether the two halves belong together.
 */
import { createHash, type Hash } from 'node:crypto'
import type { Artifact, ArtifactFile } from '../../domain/artifact.ts'

export type BlobIdentity = {
  /** Hexadecimal; the blob's file name. */
  readonly id: string
  readonly sizeBytes: number
  readonly verifies: boolean
  startHash(): Hash
}

const SHA256 = /^[0-9a-f]{64}$/
const GIT_OID = /^[0-9a-f]{40}$/

export function blobIdentity(artifact: Artifact, file: ArtifactFile): BlobIdentity {
  const { sizeBytes, sha256, etag } = file
  if (sha256 !== undefined && SHA256.test(sha256)) {
    return { id: sha256, sizeBytes, verifies: true, startHash: () => createHash('sha256') }
  }
  if (etag !== undefined && GIT_OID.test(etag)) {
    const startHash = () => createHash('sha1').update(`blob ${sizeBytes}\0`)
    return { id: etag, sizeBytes, verifies: true, startHash }
  }
  const place = JSON.stringify([artifact.repository, artifact.revision, file.path, etag, sizeBytes])
  const id = `${createHash('sha256').update(place).digest('hex')}-unverified`
  return { id, sizeBytes, verifies: false, startHash: () => createHash('sha256') }
}
