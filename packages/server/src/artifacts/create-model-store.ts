/**
 * The model store: which source a reference means, and how an artifact's files come to lie in one directory.
 *
 *     org/name        the Hub       → blobs and snapshots below the cache directory
 *     file:/path      a directory   → the directory itself
 *     berth/guide     built in      → the installation's directory
 */
import { mkdir, statfs } from 'node:fs/promises'
import path from 'node:path'
import type { HubSearch, HubSearchQuery } from '@berth/contract'
import type { Artifact, ArtifactFile } from '../domain/artifact.ts'
import { messageOf, PlatformError } from '../domain/errors.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import { artifactFailure, humanBytes } from './artifact-failure.ts'
import { ARTIFACT_LIMITS, type ArtifactLimits } from './artifact-limits.ts'
import { BlobCache } from './cache/blob-cache.ts'
import type { BlobSource } from './cache/blob-download.ts'
import { type BlobIdentity, blobIdentity } from './cache/blob-identity.ts'
import { evictDownTo } from './cache/eviction.ts'
import { Holds } from './cache/holds.ts'
import { Snapshots } from './cache/snapshots.ts'
import { DirectorySource } from './directory/directory-source.ts'
import { ProgressMeter, type Transfer } from './download-progress.ts'
import { HubSource, isHubRepository } from './hub/hub-source.ts'
import { searchHub } from './hub/search-hub.ts'
import { contentHash, rankIn } from './identify-adapter.ts'
import { fileSource, type HeaderSource } from './model-header.ts'
import type {
  AcquiredArtifact,
  AdapterIdentity,
  DownloadProgress,
  ModelStore,
  RepositoryCard,
  WeighedModel,
} from './model-store.ts'
import { baseModelIn, cardOf, readConfig } from './repository-card.ts'
import { isSafeRelativePath } from './safe-path.ts'
import { weighArtifact } from './weigh-artifact.ts'

export type ModelStoreOptions = {
  readonly cacheDirectory: string
  /** Directories below which `file:` references are allowed. */
  readonly roots: readonly string[]
  /** Models of the installation, by reference. */
  readonly builtins: Readonly<Record<string, { readonly directory: string }>>
  /** HF_ENDPOINT. */
  readonly hubUrl: string
  /** Sent to the Hub when a caller brings none. */
  readonly token: string | undefined
  readonly clock: Clock
  readonly log: Log
  readonly limits?: Partial<ArtifactLimits>
}

type Wanted = { readonly blob: BlobIdentity; readonly source: BlobSource }
type AcquireOptions = Parameters<ModelStore['acquire']>[1]

const FILE_SCHEME = 'file:'
const COMMIT = /^[0-9a-f]{40}$/

export function createModelStore(options: ModelStoreOptions): ModelStore {
  return new CachedModelStore(options)
}

class CachedModelStore implements ModelStore {
  readonly #options: ModelStoreOptions
  readonly #limits: ArtifactLimits
  readonly #hub: HubSource
  readonly #directories: DirectorySource
  readonly #blobs: BlobCache
  readonly #snapshots: Snapshots
  readonly #holds = new Holds()
  #evicting: Promise<unknown> = Promise.resolve()

  constructor(options: ModelStoreOptions) {
    this.#options = options
    this.#limits = { ...ARTIFACT_LIMITS, ...options.limits }
    const rooms = { clock: options.clock, log: options.log, limits: this.#limits }
    this.#hub = new HubSource(options.hubUrl, rooms)
    this.#directories = new DirectorySource(options.roots, this.#limits.files)
    this.#blobs = new BlobCache(options.cacheDirectory, rooms)
    this.#snapshots = new Snapshots(options.cacheDirectory)
  }

  async resolve(reference: Parameters<ModelStore['resolve']>[0]): Promise<Artifact> {
    const { repository, revision } = reference
    const builtin = this.#builtin(repository)
    if (!builtin && !repository.startsWith(FILE_SCHEME)) {
      return this.#hub.resolve(repository, revision, this.#token(reference.token))
    }

    // Clients that know only the Hub say "main" when they mean "whatever is there".
    if (revision !== null && revision !== 'main') {
      throw artifactFailure(
        'revision_not_found',
        `"${repository}" is a directory and has no revisions, so there is no "${revision}". Leave the revision out.`,
      )
    }
    return builtin
      ? this.#directories.resolveBuiltin(repository, builtin.directory)
      : this.#directories.resolve(repository)
  }

  async acquire(artifact: Artifact, options: AcquireOptions): Promise<AcquiredArtifact> {
    options.signal.throwIfAborted()
    switch (artifact.source) {
      case 'hub':
        return this.#acquireFromHub(artifact, options)
      case 'directory':
        return { path: await this.#directories.locate(artifact), release() {} }
      case 'builtin': {
        const builtin = this.#builtin(artifact.repository)
        if (builtin) {
          return { path: await this.#directories.locateBuiltin(artifact, builtin.directory), release() {} }
        }
        throw artifactFailure(
          'repository_not_found',
          `This installation has no built-in model "${artifact.repository}". ` +
            `It has: ${Object.keys(this.#options.builtins).join(', ')}.`,
        )
      }
      default:
        return artifact.source satisfies never
    }
  }

  async describe(artifact: Artifact, { token }: { readonly token?: string }): Promise<RepositoryCard> {
    const open = this.#opener(artifact, token)
    const [said, config, adapter] = await Promise.all([
      artifact.source === 'hub'
        ? this.#hub.describe(artifact, this.#token(token)).catch(() => undefined)
        : {},
      readConfig(artifact, open).catch(() => undefined),
      readConfig(artifact, open, 'adapter_config.json').catch(() => undefined),
    ])
    const baseModel = baseModelIn(adapter)
    return { ...cardOf(said), config, ...(baseModel && { baseModel }) }
  }

  search(query: HubSearchQuery): Promise<HubSearch> {
    const { hubUrl, clock } = this.#options
    return searchHub({ hubUrl, clock, token: this.#token(undefined) }, query)
  }

  async weigh(artifact: Artifact, { token }: { readonly token?: string }): Promise<WeighedModel | undefined> {
    try {
      return await weighArtifact(artifact, this.#opener(artifact, token))
    } catch (error) {
      this.#options.log.info('the weights could not be weighed', {
        repository: artifact.repository,
        cause: messageOf(error),
      })
      return undefined
    }
  }

  async identify(artifact: Artifact, { token }: { readonly token?: string }): Promise<AdapterIdentity> {
    const [hash, config] = await Promise.all([
      contentHash(artifact, (file) => this.#pathHere(artifact, file)),
      readConfig(artifact, this.#opener(artifact, token), 'adapter_config.json').catch(() => undefined),
    ])
    return { hash, rank: rankIn(config) }
  }

  /** Where the bytes of one file are read from: this machine if they lie here, else the Hub. */
  #opener(artifact: Artifact, token: string | undefined): (file: ArtifactFile) => Promise<HeaderSource> {
    return async (file) => {
      const here = await this.#pathHere(artifact, file)
      if (here !== undefined) return fileSource(here)
      return {
        path: file.path,
        read: (from, length) => this.#hub.readPart(artifact, file.path, { from, length }, this.#token(token)),
      }
    }
  }

  async #pathHere(artifact: Artifact, file: ArtifactFile): Promise<string | undefined> {
    const alone = { ...artifact, files: [file] }
    switch (artifact.source) {
      case 'hub': {
        const blob = blobIdentity(artifact, file)
        return (await this.#blobs.has(blob)) ? this.#blobs.fileOf(blob.id) : undefined
      }
      case 'directory':
        return path.join(await this.#directories.locate(alone), file.path)
      case 'builtin': {
        const builtin = this.#builtin(artifact.repository)
        return (
          builtin && path.join(await this.#directories.locateBuiltin(alone, builtin.directory), file.path)
        )
      }
      default:
        return artifact.source satisfies never
    }
  }

  evict(capBytes: number): Promise<number> {
    const [blobs, snapshots, held] = [this.#blobs, this.#snapshots, this.#holds]
    const before = this.#evicting
    const evicting = before.then(() => evictDownTo(capBytes, { blobs, snapshots, held }))
    this.#evicting = evicting.catch(() => {})
    return evicting
  }

  /** The caller's, or the installation's. An empty one is none. */
  #token(own: string | undefined): string | undefined {
    return own || this.#options.token || undefined
  }

  #builtin(repository: string): { readonly directory: string } | undefined {
    const { builtins } = this.#options
    return Object.hasOwn(builtins, repository) ? builtins[repository] : undefined
  }

  async #acquireFromHub(artifact: Artifact, options: AcquireOptions): Promise<AcquiredArtifact> {
    refuseUnpinned(artifact)
    const token = this.#token(options.token)
    const wanted = new Map<string, Wanted>()
    const links = artifact.files.map((file) => {
      const blob = blobIdentity(artifact, file)
      wanted.set(blob.id, { blob, source: this.#hub.contentOf(artifact, file, token) })
      return { path: file.path, blobId: blob.id, blobFile: this.#blobs.fileOf(blob.id) }
    })
    const directory = this.#snapshots.directoryOf(artifact, links)

    const release = await this.#hold(directory, [...wanted.keys()])
    try {
      await this.#fetch([...wanted.values()], artifact, options)
      await this.#snapshots.link(directory, links, this.#options.clock.now())
      return { path: directory, release }
    } catch (error) {
      release()
      throw error
    }
  }

  /** An eviction under way decides by what was held when it began, so it ends first. */
  async #hold(directory: string, blobIds: readonly string[]): Promise<() => void> {
    for (let seen: unknown; seen !== this.#evicting; ) {
      seen = this.#evicting
      await seen
    }
    return this.#holds.take(directory, blobIds)
  }

  async #fetch(wanted: readonly Wanted[], artifact: Artifact, options: AcquireOptions): Promise<void> {
    const missing = await Promise.all(wanted.map(({ blob }) => this.#blobs.missingBytes(blob)))
    const isHere = await Promise.all(wanted.map(({ blob }) => this.#blobs.has(blob)))
    const absent = wanted.filter((_, i) => !isHere[i])
    const bytesHere = wanted.reduce((sum, { blob }, i) => sum + (isHere[i] ? blob.sizeBytes : 0), 0)
    const bytesTotal = wanted.reduce((sum, { blob }) => sum + blob.sizeBytes, 0)

    const tally = new Tally(bytesHere, bytesTotal, this.#options.clock)
    const report = () => options.onProgress?.(tally.read())
    report()
    if (absent.length === 0) return

    const needed = missing.reduce((sum, bytes) => sum + bytes, 0)
    await this.#refuseWithoutRoom(artifact, needed)

    const { clock, log } = this.#options
    const startedAt = clock.now()
    const finished = new AbortController()
    const reporting = this.#everySoOften(report, finished.signal)
    // A listener that throws is heard below, when the downloads have stopped.
    reporting.catch(() => {})
    try {
      await this.#downloadAll(absent, tally, options.signal)
    } finally {
      finished.abort()
      await reporting
    }
    report()
    log.info('artifact was downloaded', {
      repository: artifact.repository,
      revision: artifact.revision,
      bytes: needed,
      tookMs: clock.now() - startedAt,
    })
  }

  /** A few at a time, the largest first. The first failure stops the others, which keep their parts. */
  async #downloadAll(absent: readonly Wanted[], tally: Tally, signal: AbortSignal): Promise<void> {
    const queue = absent.toSorted((a, b) => b.blob.sizeBytes - a.blob.sizeBytes).values()
    const failed = new AbortController()
    const either = AbortSignal.any([signal, failed.signal])
    const worker = async () => {
      for (const { blob, source } of queue) {
        let current: Transfer | undefined
        await this.#blobs.ensure(blob, source, either, (transfer) => {
          if (current) tally.leave(current)
          tally.join(transfer)
          current = transfer
        })
        if (current) tally.leave(current)
        tally.complete(blob.sizeBytes)
      }
    }
    const workers = Array.from({ length: Math.min(this.#limits.parallelFiles, absent.length) }, () =>
      worker().catch((error) => {
        failed.abort(error)
        throw error
      }),
    )
    await Promise.allSettled(workers)
    either.throwIfAborted()
  }

  async #everySoOften(report: () => void, until: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await this.#options.clock.sleep(this.#limits.progressEveryMs, until)
        report()
      }
    } catch (error) {
      if (!until.aborted) throw error
    }
  }

  async #refuseWithoutRoom(artifact: Artifact, needed: number): Promise<void> {
    const { cacheDirectory } = this.#options
    await mkdir(cacheDirectory, { recursive: true })
    const { bavail, bsize } = await statfs(cacheDirectory)
    const free = bavail * bsize
    if (needed <= free) return
    throw artifactFailure(
      'disk_full',
      `"${artifact.repository}" needs ${humanBytes(needed)} more on the disk that holds "${cacheDirectory}", ` +
        `which has ${humanBytes(free)} free (${needed} and ${free} bytes). Free some space, or choose fewer files.`,
    )
  }
}

/** Progress over all blobs of one acquisition: complete ones, and those on their way. */
class Tally {
  readonly #meter: ProgressMeter
  readonly #clock: Clock
  readonly #joined = new Map<Transfer, number>()
  #complete: number
  #received = 0

  constructor(bytesHere: number, bytesTotal: number, clock: Clock) {
    this.#complete = bytesHere
    this.#meter = new ProgressMeter(bytesTotal, clock.now())
    this.#clock = clock
  }

  join(transfer: Transfer): void {
    this.#joined.set(transfer, transfer.received)
  }

  leave(transfer: Transfer): void {
    this.#received += transfer.received - (this.#joined.get(transfer) ?? 0)
    this.#joined.delete(transfer)
  }

  complete(bytes: number): void {
    this.#complete += bytes
  }

  read(): DownloadProgress {
    let [done, received] = [this.#complete, this.#received]
    for (const [transfer, receivedBefore] of this.#joined) {
      done += transfer.bytes
      received += transfer.received - receivedBefore
    }
    return this.#meter.read(done, received, this.#clock.now())
  }
}

/** What comes from the store or over the API is a path on our disk here: nothing that leads elsewhere. */
function refuseUnpinned(artifact: Artifact): void {
  if (artifact.revision === null || !COMMIT.test(artifact.revision)) {
    throw artifactFailure(
      'revision_not_found',
      `The artifact "${artifact.repository}" is not pinned to a commit (its revision is ${artifact.revision}). Resolve it first.`,
    )
  }
  const unsafe = artifact.files.find((file) => !isSafeRelativePath(file.path))
  if (!isHubRepository(artifact.repository)) {
    throw new PlatformError('invalid', `"${artifact.repository}" is not the name of a repository on a Hub.`)
  }
  if (unsafe) {
    throw new PlatformError(
      'invalid',
      `"${unsafe.path}" of "${artifact.repository}" is not a path in a repository.`,
    )
  }
}
