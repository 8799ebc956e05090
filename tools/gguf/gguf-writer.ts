/**
 * Writes GGUF files, version 3: a head with metadata and the list of tensors, then the tensors' bytes.
 *
 * What a model consists of is decided in `random-model.ts`.
 */
import { closeSync, openSync, writeSync } from 'node:fs'

export type TensorType = 'f32' | 'f16' | 'q8_0'

export type MetadataValue =
  | { readonly type: 'u32' | 'i32' | 'f32'; readonly value: number }
  | { readonly type: 'flag'; readonly value: boolean }
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'texts'; readonly values: readonly string[] }
  | { readonly type: 'i32s' | 'f32s'; readonly values: readonly number[] }

export type Tensor = {
  readonly name: string
  readonly type: TensorType
  /** The fastest changing dimension first, as GGUF lists them. */
  readonly shape: readonly number[]
  /** Values in order; each array is a part, in whole blocks. */
  readonly values: () => Iterable<Float32Array>
}

/** The format's number, and how many values share how many bytes. */
const ENCODING = {
  f32: { id: 0, values: 1, bytes: 4 },
  f16: { id: 1, values: 1, bytes: 2 },
  q8_0: { id: 8, values: 32, bytes: 34 },
} as const

const VERSION = 3
const ALIGNMENT = 32
const Q8_MAX = 127

/** Returns the size of the file in bytes. */
export function writeGguf(
  file: string,
  metadata: ReadonlyMap<string, MetadataValue>,
  tensors: readonly Tensor[],
): number {
  const head = new HeadWriter()
  head.bytes(Buffer.from('GGUF')).u32(VERSION).u64(tensors.length).u64(metadata.size)
  for (const [key, value] of metadata) head.text(key).value(value)
  let offset = 0
  for (const tensor of tensors) {
    head.text(tensor.name).u32(tensor.shape.length)
    for (const size of tensor.shape) head.u64(size)
    head.u32(ENCODING[tensor.type].id).u64(offset)
    offset += aligned(tensorBytes(tensor))
  }

  const out = openSync(file, 'w')
  try {
    let written = writePadded(out, head.join())
    for (const tensor of tensors) {
      let bytes = 0
      for (const values of tensor.values()) bytes += writeAll(out, encode(tensor.type, values))
      if (bytes !== tensorBytes(tensor))
        throw new Error(`${tensor.name} got ${bytes} bytes, and its shape says otherwise`)
      written += bytes + writeAll(out, Buffer.alloc(aligned(bytes) - bytes))
    }
    return written
  } finally {
    closeSync(out)
  }
}

class HeadWriter {
  readonly #parts: Buffer[] = []

  bytes(bytes: Buffer): this {
    this.#parts.push(bytes)
    return this
  }

  u32(value: number): this {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(value)
    return this.bytes(bytes)
  }

  u64(value: number): this {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(BigInt(value))
    return this.bytes(bytes)
  }

  text(text: string): this {
    const bytes = Buffer.from(text)
    return this.u64(bytes.length).bytes(bytes)
  }

  value(value: MetadataValue): this {
    switch (value.type) {
      case 'u32':
        return this.u32(4).u32(value.value)
      case 'i32':
        return this.u32(5).bytes(Buffer.from(Int32Array.of(value.value).buffer))
      case 'f32':
        return this.u32(6).bytes(Buffer.from(Float32Array.of(value.value).buffer))
      case 'flag':
        return this.u32(7).bytes(Buffer.of(value.value ? 1 : 0))
      case 'text':
        return this.u32(8).text(value.value)
      case 'texts':
        this.u32(9).u32(8).u64(value.values.length)
        for (const text of value.values) this.text(text)
        return this
      case 'i32s':
        return this.#array(5, value.values.length, Int32Array.from(value.values).buffer)
      case 'f32s':
        return this.#array(6, value.values.length, Float32Array.from(value.values).buffer)
      default:
        return value satisfies never
    }
  }

  #array(itemType: number, length: number, items: ArrayBuffer): this {
    return this.u32(9).u32(itemType).u64(length).bytes(Buffer.from(items))
  }

  join(): Buffer {
    return Buffer.concat(this.#parts)
  }
}

function encode(type: TensorType, values: Float32Array): Buffer {
  switch (type) {
    case 'f32':
      return Buffer.from(values.buffer, values.byteOffset, values.byteLength)
    case 'f16':
      return Buffer.from(Float16Array.from(values).buffer)
    case 'q8_0':
      return encodeQ8(values)
    default:
      return type satisfies never
  }
}

/** Blocks of 32: one half-precision scale, then 32 whole numbers. */
function encodeQ8(values: Float32Array): Buffer {
  const { values: perBlock, bytes } = ENCODING.q8_0
  const encoded = Buffer.alloc((values.length / perBlock) * bytes)
  const half = new DataView(new ArrayBuffer(2))
  for (let block = 0; block < values.length / perBlock; block++) {
    const part = values.subarray(block * perBlock, (block + 1) * perBlock)
    let largest = 0
    for (const value of part) largest = Math.max(largest, Math.abs(value))
    const scale = largest / Q8_MAX
    half.setFloat16(0, scale, true)
    encoded.writeUInt16LE(half.getUint16(0, true), block * bytes)
    for (let i = 0; i < perBlock; i++) {
      const level = scale === 0 ? 0 : Math.round((part[i] as number) / scale)
      encoded.writeInt8(level, block * bytes + 2 + i)
    }
  }
  return encoded
}

const aligned = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT

function tensorBytes({ type, shape }: Tensor): number {
  const values = shape.reduce((product, size) => product * size, 1)
  return (values / ENCODING[type].values) * ENCODING[type].bytes
}

function writePadded(out: number, bytes: Buffer): number {
  return writeAll(out, Buffer.concat([bytes, Buffer.alloc(aligned(bytes.length) - bytes.length)]))
}

function writeAll(out: number, bytes: Buffer): number {
  for (let done = 0; done < bytes.length; ) done += writeSync(out, bytes, done)
  return bytes.length
}
