/**
 * Eviction: which content leaves when the cache may use less than it does.
 *
 * Least recently used first. A blob leaves with the last snapshot that has it; blobs and parts of blobs that no
 * snapshot has leave by themselves. Nothing that somebody holds is touched.
 */
import type { BlobCache, CachedBlob } from './blob-cache.ts'
import type { Snapshot, Snapshots } from './snapshots.ts'

type Candidate =
  | { readonly kind: 'snapshot'; readonly usedAt: number; readonly snapshot: Snapshot }
  | { readonly kind: 'blob'; readonly usedAt: number; readonly blob: CachedBlob }

export type Held = {
  snapshot(directory: string): boolean
  blob(id: string): boolean
}

/** @returns bytes freed. */
export async function evictDownTo(
  capBytes: number,
  {
    blobs,
    snapshots,
    held,
  }: { readonly blobs: BlobCache; readonly snapshots: Snapshots; readonly held: Held },
): Promise<number> {
  const present = await blobs.list()
  const before = sum(present)
  if (before <= capBytes) return 0

  let freed = 0
  const drop = async (blob: CachedBlob) => {
    if (!held.blob(blob.id) && (await blobs.remove(blob))) freed += blob.bytes
  }

  for (const candidate of oldestFirst(present, await snapshots.list())) {
    if (before - freed <= capBytes) break
    if (candidate.kind === 'blob') await drop(candidate.blob)
    else if (!held.snapshot(candidate.snapshot.directory)) {
      await snapshots.remove(candidate.snapshot)
      for (const blob of (await blobs.list()).filter(isWithoutSnapshot)) {
        // Its own turn may come later; a blob that was in a snapshot has none.
        if (present.some((it) => it.id === blob.id && it.links > 1)) await drop(blob)
      }
    }
  }
  return freed
}

function oldestFirst(present: readonly CachedBlob[], snapshots: readonly Snapshot[]): Candidate[] {
  const loose = present.filter(isWithoutSnapshot)
  return [
    ...snapshots.map((snapshot): Candidate => ({ kind: 'snapshot', usedAt: snapshot.usedAt, snapshot })),
    ...loose.map((blob): Candidate => ({ kind: 'blob', usedAt: blob.changedAt, blob })),
  ].toSorted((a, b) => a.usedAt - b.usedAt)
}

const isWithoutSnapshot = (blob: CachedBlob) => blob.isPartial || blob.links === 1
const sum = (blobs: readonly CachedBlob[]) => blobs.reduce((total, blob) => total + blob.bytes, 0)
