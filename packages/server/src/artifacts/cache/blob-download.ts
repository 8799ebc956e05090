/**
 * One blob's download: attempts until it is whole, verification, and its place in the cache.
 *
 * It knows bytes and offsets, not where they come from: a source opens the content at an offset, and may begin
 * earlier if it cannot do that.
 */
import type { Clock } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import { artifactFailure, failedBecause } from '../artifact-failure.ts'
import { type ArtifactLimits, backoffMs } from '../artifact-limits.ts'
import type { Transfer } from '../download-progress.ts'
import type { BlobIdentity } from './blob-identity.ts'
import { PartialBlob } from './partial-blob.ts'

/** Where the content of one blob comes from. */
export interface BlobSource {
  /** For a person: which file of which repository. */
  readonly description: string
  /**
   * Sends the content from `offset`, or from the beginning if it cannot.
   *
   * @throws PlatformError `hub_unreachable` for what may be different at the next attempt, at any time.
   */
  read(
    offset: number,
    receive: {
      readonly begin: (startsAt: number) => Promise<void>
      readonly chunk: (bytes: Uint8Array) => Promise<void>
    },
    signal: AbortSignal,
  ): Promise<void>
}

export type DownloadRooms = { readonly clock: Clock; readonly limits: ArtifactLimits; readonly log: Log }

/**
 * Downloads to `file`, through `<file>.partial`. The caller holds the blob's lock.
 *
 * A part that an earlier process left may be damaged, by a power cut for example; so a mismatch is the source's fault
 * only when every byte came from it just now.
 */
export async function downloadBlob(
  file: string,
  identity: BlobIdentity,
  source: BlobSource,
  transfer: Transfer,
  signal: AbortSignal,
  rooms: DownloadRooms,
): Promise<void> {
  const partial = await PartialBlob.open(`${file}.partial`, identity, transfer, signal)
  try {
    let isAllNew = partial.bytes === 0
    for (;;) {
      const startedAnew = await fill(partial, identity, source, signal, rooms)
      isAllNew ||= startedAnew
      const found = await partial.mismatch()
      if (found === undefined) return await partial.complete(file)
      if (isAllNew) throw await refused(partial, identity, source, found)
      rooms.log.warn('part of a download was damaged and is downloaded again', { file: source.description })
      await partial.restart()
      isAllNew = true
    }
  } finally {
    await partial.close()
  }
}

/** @returns whether the source began again, so that nothing is left of what was there before. */
async function fill(
  partial: PartialBlob,
  identity: BlobIdentity,
  source: BlobSource,
  signal: AbortSignal,
  { clock, limits, log }: DownloadRooms,
): Promise<boolean> {
  let startedAnew = false
  let furthest = partial.bytes
  let fruitless = 0

  const begin = async (startsAt: number) => {
    if (startsAt === partial.bytes) return
    await partial.restart()
    startedAnew = true
  }
  const chunk = async (bytes: Uint8Array) => {
    if (partial.bytes + bytes.byteLength > identity.sizeBytes) {
      throw await refused(partial, identity, source, `more than ${identity.sizeBytes} bytes`)
    }
    await partial.append(bytes)
  }

  while (!partial.isFull) {
    signal.throwIfAborted()
    try {
      if (!identity.verifies && partial.bytes > 0) await partial.restart()
      await source.read(partial.bytes, { begin, chunk }, signal)
      if (!partial.isFull) throw brokenOff(source)
    } catch (error) {
      signal.throwIfAborted()
      // Only bytes beyond what any attempt reached count, or a source that always begins anew would never end.
      fruitless = partial.bytes > furthest ? 1 : fruitless + 1
      furthest = Math.max(furthest, partial.bytes)
      if (!failedBecause(error, 'hub_unreachable') || fruitless >= limits.attempts) throw error
      const waitMs = Math.max(
        backoffMs(fruitless, limits),
        Math.min(error.retryAfterMs ?? 0, limits.maxBackoffMs),
      )
      log.debug('a download was interrupted and will continue', {
        file: source.description,
        bytesDone: partial.bytes,
        waitMs,
        cause: error.message,
      })
      await clock.sleep(waitMs, signal)
    }
  }
  return startedAnew
}

async function refused(partial: PartialBlob, identity: BlobIdentity, source: BlobSource, found: string) {
  await partial.discard()
  return artifactFailure(
    'content_mismatch',
    `The content of ${source.description} is not what its listing promises: expected ${identity.id}, ` +
      `${identity.sizeBytes} bytes, and got ${found}. It was thrown away. Try again; if it stays so, ` +
      'something between here and the source changes files.',
  )
}

const brokenOff = ({ description }: BlobSource) =>
  artifactFailure('hub_unreachable', `The source broke off while it sent ${description}. Try again.`)
