/**
 * A blob on its way in: bytes appended to `<blob>.partial`, hashed as they come, and given the blob's name only when
 * they are all there, match it, and are on the disk. Whatever has a blob's name is complete.
 *
 * Its owner holds the blob's lock, so that nobody else writes.
 */
import type { Hash } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { artifactFailure, humanBytes, systemCode } from '../artifact-failure.ts'
import type { Transfer } from '../download-progress.ts'
import type { BlobIdentity } from './blob-identity.ts'

/** Engines read blobs through hard links; none may change what another reads. */
const COMPLETE_MODE = 0o444
const READ_CHUNK_BYTES = 1024 * 1024

export class PartialBlob {
  readonly #file: string
  readonly #handle: FileHandle
  readonly #identity: BlobIdentity
  readonly #transfer: Transfer
  #hash: Hash

  private constructor(file: string, handle: FileHandle, identity: BlobIdentity, transfer: Transfer) {
    this.#file = file
    this.#handle = handle
    this.#identity = identity
    this.#transfer = transfer
    this.#hash = identity.startHash()
  }

  /** Opens what an earlier try left, or begins. @param transfer is kept up to date with what is in place. */
  static async open(
    file: string,
    identity: BlobIdentity,
    transfer: Transfer,
    signal: AbortSignal,
  ): Promise<PartialBlob> {
    const handle = await open(file, 'a+')
    const partial = new PartialBlob(file, handle, identity, transfer)
    try {
      await partial.#takeUp(signal)
      return partial
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  get bytes(): number {
    return this.#transfer.bytes
  }

  get isFull(): boolean {
    return this.bytes === this.#identity.sizeBytes
  }

  async append(chunk: Uint8Array): Promise<void> {
    try {
      await this.#handle.appendFile(chunk)
    } catch (error) {
      if (!['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '')) throw error
      const missing = humanBytes(this.#identity.sizeBytes - this.bytes)
      throw artifactFailure(
        'disk_full',
        `The disk that holds "${path.dirname(this.#file)}" is full, and this file needs ${missing} more. ` +
          'Free some space; the download continues where it stopped.',
        { cause: error },
      )
    }
    this.#hash.update(chunk)
    this.#transfer.bytes += chunk.byteLength
    this.#transfer.received += chunk.byteLength
  }

  async restart(): Promise<void> {
    await this.#handle.truncate(0)
    this.#hash = this.#identity.startHash()
    this.#transfer.bytes = 0
  }

  /** @returns the hash found, or undefined if the content is what its name says. */
  async mismatch(): Promise<string | undefined> {
    const found = this.#hash.copy().digest('hex')
    const { size } = await this.#handle.stat()
    if (size !== this.#identity.sizeBytes) return `${size} bytes`
    return this.#identity.verifies && found !== this.#identity.id ? found : undefined
  }

  /** Makes it the blob. To be called only without a mismatch. */
  async complete(blobFile: string): Promise<void> {
    await this.#handle.chmod(COMPLETE_MODE)
    await this.#handle.sync()
    await rename(this.#file, blobFile)
    const directory = await open(path.dirname(blobFile), 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  }

  async discard(): Promise<void> {
    await rm(this.#file, { force: true })
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  async #takeUp(signal: AbortSignal): Promise<void> {
    const { size } = await this.#handle.stat()
    if (size > this.#identity.sizeBytes || !this.#identity.verifies) return this.restart()

    const buffer = Buffer.allocUnsafe(Math.min(READ_CHUNK_BYTES, Math.max(1, size)))
    while (this.#transfer.bytes < size) {
      signal.throwIfAborted()
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, this.#transfer.bytes)
      if (bytesRead === 0) return
      this.#hash.update(buffer.subarray(0, bytesRead))
      this.#transfer.bytes += bytesRead
    }
  }
}
