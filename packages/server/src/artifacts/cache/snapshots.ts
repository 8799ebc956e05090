/**
 * Snapshots: directories in which an engine finds one selection of one commit's files under their own names.
 *
 *     models/<org>--<name>/<commit>/<selection>/…      hard links to blobs
 *     models/<org>--<name>/<commit>/<selection>.used   its modification time is the last use
 *
 * A directory per selection, because many engines load every weight file they find. Hard links, because they also
 * work when only this directory is mounted in a container, and because a blob's link count then says whether any
 * snapshot still needs it.
 */
import { createHash } from 'node:crypto'
import { link, mkdir, readdir, rm, rmdir, stat, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Artifact } from '../../domain/artifact.ts'
import { PlatformError } from '../../domain/errors.ts'
import { isMissing, systemCode } from '../artifact-failure.ts'

export type Snapshot = { readonly directory: string; readonly usedAt: number }

/** Content that has a place in the snapshot. */
export type LinkedFile = { readonly path: string; readonly blobId: string; readonly blobFile: string }

const USED = '.used'

export class Snapshots {
  readonly #directory: string

  constructor(cacheDirectory: string) {
    this.#directory = path.join(cacheDirectory, 'models')
  }

  directoryOf(artifact: Artifact, files: readonly LinkedFile[]): string {
    const lines = files.map((file) => `${file.blobId} ${file.path}`).toSorted()
    const selection = createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16)
    const repository = artifact.repository.replaceAll('/', '--')
    return path.join(this.#directory, repository, artifact.revision ?? 'none', selection)
  }

  /** Puts every file in its place and notes the use. What is already there stays. */
  async link(directory: string, files: readonly LinkedFile[], now: number): Promise<void> {
    await mkdir(directory, { recursive: true })
    await writeFile(directory + USED, '')
    await utimes(directory + USED, now / 1000, now / 1000)
    for (const folder of new Set(files.map((file) => path.dirname(path.join(directory, file.path))))) {
      await mkdir(folder, { recursive: true })
    }
    for (const file of files) await this.#place(file.blobFile, path.join(directory, file.path))
  }

  async list(): Promise<Snapshot[]> {
    const entries = await readdir(this.#directory, { recursive: true, withFileTypes: true }).catch(
      (error) => {
        if (isMissing(error)) return []
        throw error
      },
    )
    const markers = entries.filter((entry) => {
      const depth = path.relative(this.#directory, entry.parentPath).split(path.sep).length
      return entry.isFile() && depth === 2 && entry.name.endsWith(USED)
    })
    return Promise.all(
      markers.map(async (entry) => {
        const marker = path.join(entry.parentPath, entry.name)
        return { directory: marker.slice(0, -USED.length), usedAt: (await stat(marker)).mtimeMs }
      }),
    )
  }

  /** Deletes a snapshot; its marker goes last, so that a deletion cut short is found and finished. */
  async remove({ directory }: Snapshot): Promise<void> {
    await rm(directory, { recursive: true, force: true })
    await rm(directory + USED, { force: true })
    for (const parent of [path.dirname(directory), path.dirname(path.dirname(directory))]) {
      await rmdir(parent).catch(() => {
        // Not empty: another snapshot of the same repository lives there.
      })
    }
  }

  async #place(blobFile: string, target: string): Promise<void> {
    try {
      await link(blobFile, target)
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return await this.#mend(blobFile, target)
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(systemCode(error) ?? '')) throw error
      throw new PlatformError(
        'unsupported',
        `The file system that holds "${this.#directory}" has no hard links. Move the data directory to one that has.`,
        { cause: error },
      )
    }
  }

  /** A file in the way that is not the blob is a leftover of a blob that was replaced. */
  async #mend(blobFile: string, target: string): Promise<void> {
    const [blob, there] = await Promise.all([stat(blobFile), stat(target)])
    if (blob.ino === there.ino && blob.dev === there.dev) return
    await rm(target)
    await link(blobFile, target)
  }
}
