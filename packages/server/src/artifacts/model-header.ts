/**
 * Reads a model's headers without reading the model: the first bytes of a file, more of them only if needed.
 *
 * Where the bytes come from is a function: a file of this machine here, a range request elsewhere.
 */
import { open } from 'node:fs/promises'
import { PlatformError } from '../domain/errors.ts'
import { type GgufHeader, parseGgufHeader } from './gguf-header.ts'
import { parseSafetensorsHeader, type WeightSize } from './safetensors-header.ts'

export type HeaderSource = {
  /** For messages. */
  readonly path: string
  /** Bytes `from` … `from + length`; fewer only where the file ends. */
  read(from: number, length: number): Promise<Uint8Array>
}

/** Most headers are within the first; one with a vocabulary of 250 000 words is within the second. */
const READ_UP_TO_BYTES = [1, 16, 128].map((mebibytes) => mebibytes * 2 ** 20)

/** @throws PlatformError `invalid` when the file is no GGUF file, or damaged. */
export function readGgufHeader(source: HeaderSource): Promise<GgufHeader> {
  return readHeader(source, parseGgufHeader)
}

/** @throws PlatformError `invalid` when the file is no safetensors file, or damaged. */
export function readSafetensorsHeader(source: HeaderSource): Promise<WeightSize> {
  return readHeader(source, parseSafetensorsHeader)
}

export function fileSource(path: string): HeaderSource {
  return {
    path,
    read: async (from, length) => {
      const file = await open(path, 'r')
      try {
        const bytes = new Uint8Array(length)
        let done = 0
        while (done < length) {
          const { bytesRead } = await file.read(bytes, done, length - done, from + done)
          if (bytesRead === 0) break
          done += bytesRead
        }
        return bytes.subarray(0, done)
      } finally {
        await file.close()
      }
    },
  }
}

async function readHeader<Header>(
  source: HeaderSource,
  parse: (bytes: Uint8Array, path: string) => Header | undefined,
): Promise<Header> {
  let bytes = new Uint8Array()
  for (const upTo of READ_UP_TO_BYTES) {
    const wanted = upTo - bytes.byteLength
    const more = await source.read(bytes.byteLength, wanted)
    bytes = joined(bytes, more)
    const header = parse(bytes, source.path)
    if (header) return header
    if (more.byteLength < wanted) break
  }
  throw new PlatformError(
    'invalid',
    `The header of "${source.path}" does not end within its first ${bytes.byteLength} bytes: the file is damaged or incomplete. Download it again.`,
    { reason: 'header_unreadable' },
  )
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.byteLength + second.byteLength)
  both.set(first)
  both.set(second, first.byteLength)
  return both
}
