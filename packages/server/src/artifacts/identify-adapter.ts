/** What an adapter is, whatever it is called: a hash of its files' content, and the rank that its configuration names. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { Artifact, ArtifactFile } from '../domain/artifact.ts'
import { blobIdentity } from './cache/blob-identity.ts'

/** @param fileHere where a file lies whose source does not say what is in it. */
export async function contentHash(
  artifact: Artifact,
  fileHere: (file: ArtifactFile) => Promise<string | undefined>,
): Promise<string> {
  const lines: string[] = []
  for (const file of artifact.files) {
    const here = artifact.source === 'hub' ? undefined : await fileHere(file)
    lines.push(`${here === undefined ? blobIdentity(artifact, file).id : await hashOf(here)} ${file.path}`)
  }
  return createHash('sha256').update(lines.toSorted().join('\n')).digest('hex')
}

/** Of PEFT's `adapter_config.json`. */
export function rankIn(config: unknown): number | undefined {
  const rank = typeof config === 'object' && config !== null ? (config as { r?: unknown }).r : undefined
  return typeof rank === 'number' && Number.isInteger(rank) && rank > 0 ? rank : undefined
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}
