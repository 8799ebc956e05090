/**
 * The header of a GGUF file: its metadata and how many numbers its tensors hold, read from the file's first bytes.
 *
 * The layout is llama.cpp's (`docs/gguf.md` of ggml): magic, version, counts, key-value pairs, tensor descriptions,
 * all little-endian. The file may come from anybody, so no length in it is believed before the bytes are there.
 */
import { PlatformError } from '../domain/errors.ts'

export type GgufHeader = {
  /** Numbers, texts and short lists as they are; of a long list (a vocabulary) only `{ length }`. */
  readonly metadata: Readonly<Record<string, unknown>>
  readonly parameters: number
}

const MAGIC = 0x46554747
const MIN_VERSION = 2
const MAX_VERSION = 3
/** Longer than any list with an entry for each layer. */
const MAX_KEPT_ITEMS = 4_096
const MAX_DIMENSIONS = 8

const TYPE = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  text: 8,
  list: 9,
  u64: 10,
  i64: 11,
  f64: 12,
} as const

/**
 * @param bytes from the beginning of the file. @returns `undefined` when the header goes on behind them.
 * @throws PlatformError `invalid` when the file is no GGUF file, or damaged.
 */
export function parseGgufHeader(bytes: Uint8Array, path: string): GgufHeader | undefined {
  try {
    return readHeader(new Cursor(bytes, path))
  } catch (error) {
    if (error instanceof EndOfBytes) return undefined
    throw error
  }
}

function readHeader(cursor: Cursor): GgufHeader {
  if (cursor.u32() !== MAGIC) throw cursor.refused('does not begin as one')
  const version = cursor.u32()
  if (version < MIN_VERSION || version > MAX_VERSION) {
    throw cursor.refused(`has version ${version}, and Berth reads ${MIN_VERSION} and ${MAX_VERSION}`)
  }
  const tensors = cursor.u64()
  const pairs = cursor.u64()
  const metadata: [string, unknown][] = []
  for (let i = 0; i < pairs; i++) metadata.push([cursor.text(), readValue(cursor, cursor.u32())])

  let parameters = 0
  for (let i = 0; i < tensors; i++) parameters += readTensorSize(cursor)
  return { metadata: Object.fromEntries(metadata), parameters }
}

function readTensorSize(cursor: Cursor): number {
  cursor.skipText()
  const dimensions = cursor.u32()
  if (dimensions > MAX_DIMENSIONS) throw cursor.refused(`has a tensor of ${dimensions} dimensions`)
  let size = 1
  for (let i = 0; i < dimensions; i++) size *= cursor.u64()
  // Its data type and its place in the file.
  cursor.skip(4 + 8)
  return size
}

function readValue(cursor: Cursor, type: number): unknown {
  switch (type) {
    case TYPE.text:
      return cursor.text()
    case TYPE.list:
      return readList(cursor)
    default:
      return cursor.number(type)
  }
}

function readList(cursor: Cursor): unknown {
  const type = cursor.u32()
  const length = cursor.u64()
  if (type === TYPE.list) throw cursor.refused('has a list of lists')
  if (length <= MAX_KEPT_ITEMS) return Array.from({ length }, () => readValue(cursor, type))
  if (type === TYPE.text) for (let i = 0; i < length; i++) cursor.skipText()
  else cursor.skip(length * cursor.widthOf(type))
  return { length }
}

/** More bytes are needed than there are. */
class EndOfBytes extends Error {}

class Cursor {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #path: string
  readonly #decoder = new TextDecoder()
  #at = 0

  constructor(bytes: Uint8Array, path: string) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#path = path
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  u64(): number {
    const value = Number(this.#view.getBigUint64(this.#take(8), true))
    if (!Number.isSafeInteger(value)) throw this.refused('counts beyond any file')
    return value
  }

  text(): string {
    const length = this.u64()
    const from = this.#take(length)
    return this.#decoder.decode(this.#bytes.subarray(from, from + length))
  }

  skipText(): void {
    this.skip(this.u64())
  }

  skip(length: number): void {
    this.#take(length)
  }

  number(type: number): number | boolean {
    const at = this.#take(this.widthOf(type))
    switch (type) {
      case TYPE.u8:
        return this.#view.getUint8(at)
      case TYPE.i8:
        return this.#view.getInt8(at)
      case TYPE.u16:
        return this.#view.getUint16(at, true)
      case TYPE.i16:
        return this.#view.getInt16(at, true)
      case TYPE.u32:
        return this.#view.getUint32(at, true)
      case TYPE.i32:
        return this.#view.getInt32(at, true)
      case TYPE.f32:
        return this.#view.getFloat32(at, true)
      case TYPE.bool:
        return this.#view.getUint8(at) !== 0
      case TYPE.u64:
        return Number(this.#view.getBigUint64(at, true))
      case TYPE.i64:
        return Number(this.#view.getBigInt64(at, true))
      default:
        return this.#view.getFloat64(at, true)
    }
  }

  widthOf(type: number): number {
    switch (type) {
      case TYPE.u8:
      case TYPE.i8:
      case TYPE.bool:
        return 1
      case TYPE.u16:
      case TYPE.i16:
        return 2
      case TYPE.u32:
      case TYPE.i32:
      case TYPE.f32:
        return 4
      case TYPE.u64:
      case TYPE.i64:
      case TYPE.f64:
        return 8
      default:
        throw this.refused(`has a value of the unknown type ${type}`)
    }
  }

  refused(why: string): PlatformError {
    return new PlatformError(
      'invalid',
      `"${this.#path}" is not a GGUF file that Berth can read: it ${why}. Download or convert it again.`,
      { reason: 'header_unreadable' },
    )
  }

  #take(length: number): number {
    const from = this.#at
    if (from + length > this.#bytes.byteLength) throw new EndOfBytes()
    this.#at = from + length
    return from
  }
}
