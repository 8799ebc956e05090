/**
 * The head of a GGUF file: what the model says about itself.
 *
 * llama.cpp reads the file for its own use and hands nothing on, so the few facts that the engine needs (the
 * chat template above all) are read here. Arrays, such as the vocabulary, are skipped; only their length is kept.
 */
import { closeSync, openSync, readSync } from 'node:fs'

export type GgufValue = string | number | bigint | boolean | { readonly arrayLength: number }
export type GgufMetadata = ReadonlyMap<string, GgufValue>

const MAGIC = 0x46554747 // "GGUF", little-endian
const MAX_ENTRIES = 1 << 16
const MAX_TEXT_BYTES = 1 << 24
const MAX_ARRAY_LENGTH = 1 << 26
const READ_BYTES = 1 << 18

const STRING = 8
const ARRAY = 9
const FIXED_BYTES: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 4],
  [5, 4],
  [6, 4],
  [7, 1],
  [10, 8],
  [11, 8],
  [12, 8],
])

/** Throws a sentence about the file when it is no GGUF file or cut off. */
export function readGgufMetadata(path: string): GgufMetadata {
  const reader = new FileReader(path)
  try {
    if (reader.fixed(4) !== MAGIC) throw new Error('it is not a GGUF file')
    const version = reader.fixed(4)
    if (version !== 2 && version !== 3) throw new Error(`its GGUF version ${version} is not known`)
    reader.length(Number.MAX_SAFE_INTEGER, 'tensors')
    const entries = reader.length(MAX_ENTRIES, 'metadata entries')
    const metadata = new Map<string, GgufValue>()
    for (let i = 0; i < entries; i++) metadata.set(reader.text(), reader.value())
    return metadata
  } catch (cause) {
    throw new Error(`cannot read the model ${path}: ${(cause as Error).message}`, { cause })
  } finally {
    reader.close()
  }
}

class FileReader {
  readonly #file: number
  /** What is read ahead: a part of the file that begins at `#start`. */
  #ahead = Buffer.alloc(0)
  #start = 0
  #position = 0

  constructor(path: string) {
    this.#file = openSync(path, 'r')
  }

  close(): void {
    closeSync(this.#file)
  }

  fixed(bytes: 4): number {
    return this.#take(bytes).readUInt32LE(0)
  }

  length(limit: number, what: string): number {
    const length = this.#take(8).readBigUInt64LE(0)
    if (length > BigInt(limit)) throw new Error(`it claims ${length} ${what}, so it is damaged`)
    return Number(length)
  }

  text(): string {
    return this.#take(this.length(MAX_TEXT_BYTES, 'bytes of text')).toString('utf8')
  }

  value(): GgufValue {
    const type = this.fixed(4)
    if (type === STRING) return this.text()
    if (type !== ARRAY) return numberIn(this.#take(bytesOf(type)), type)
    const itemType = this.fixed(4)
    const arrayLength = this.length(MAX_ARRAY_LENGTH, 'items in an array')
    if (itemType === STRING) for (let i = 0; i < arrayLength; i++) this.#skipText()
    else this.#position += arrayLength * bytesOf(itemType)
    return { arrayLength }
  }

  #skipText(): void {
    const bytes = this.length(MAX_TEXT_BYTES, 'bytes of text')
    this.#position += bytes
  }

  #take(bytes: number): Buffer {
    const begin = this.#position - this.#start
    if (begin + bytes > this.#ahead.length) this.#readFrom(this.#position, Math.max(bytes, READ_BYTES), bytes)
    const from = this.#position - this.#start
    this.#position += bytes
    return this.#ahead.subarray(from, from + bytes)
  }

  #readFrom(position: number, wanted: number, needed: number): void {
    const buffer = Buffer.allocUnsafe(wanted)
    let filled = 0
    while (filled < needed) {
      const read = readSync(this.#file, buffer, filled, wanted - filled, position + filled)
      if (read === 0) throw new Error('it ends too early')
      filled += read
    }
    this.#ahead = buffer.subarray(0, filled)
    this.#start = position
  }
}

function bytesOf(type: number): number {
  const bytes = FIXED_BYTES.get(type)
  if (bytes === undefined) throw new Error(`it holds a value of unknown type ${type}`)
  return bytes
}

function numberIn(bytes: Buffer, type: number): number | bigint | boolean {
  switch (type) {
    case 0:
      return bytes.readUInt8()
    case 1:
      return bytes.readInt8()
    case 2:
      return bytes.readUInt16LE()
    case 3:
      return bytes.readInt16LE()
    case 4:
      return bytes.readUInt32LE()
    case 5:
      return bytes.readInt32LE()
    case 6:
      return bytes.readFloatLE()
    case 7:
      return bytes.readUInt8() !== 0
    case 10:
      return bytes.readBigUInt64LE()
    case 11:
      return bytes.readBigInt64LE()
    default:
      return bytes.readDoubleLE()
  }
}
