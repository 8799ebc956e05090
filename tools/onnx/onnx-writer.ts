/**
 * Writes ONNX models: a graph of operators with its weights, as protocol buffers.
 *
 * Only what our encoders need. Field numbers: onnx/onnx.proto of the ONNX project, IR version 8, operators of set 17.
 */
import { writeFileSync } from 'node:fs'

const IR_VERSION = 8
const OPERATOR_SET = 17

export type Attribute = number | readonly number[]

export type TensorShape = readonly (number | string)[]

const FLOAT = 1
const INT64 = 7
const ATTRIBUTE = { float: 1, int: 2, ints: 7 } as const
const VARINT = 0
const FIXED32 = 5
const BYTES = 2

/** Collects a graph; names of values tie its operators together. */
export class OnnxGraph {
  readonly #nodes: Buffer[] = []
  readonly #weights: Buffer[] = []
  readonly #inputs: Buffer[] = []
  readonly #outputs: Buffer[] = []
  readonly #constants = new Set<string>()

  input(name: string, shape: TensorShape): string {
    this.#inputs.push(message(11, valueInfo(name, INT64, shape)))
    return name
  }

  output(name: string, shape: TensorShape): void {
    this.#outputs.push(message(12, valueInfo(name, FLOAT, shape)))
  }

  weight(name: string, shape: readonly number[], values: Float32Array): string {
    this.#weights.push(message(5, tensor(name, shape, FLOAT, values)))
    return name
  }

  /** Whole numbers, as shapes and axes are given. */
  constant(values: readonly number[], shape: readonly number[] = [values.length]): string {
    const name = `const_${shape.length}_${values.join('_')}`
    if (!this.#constants.has(name)) {
      this.#constants.add(name)
      this.#weights.push(message(5, tensor(name, shape, INT64, BigInt64Array.from(values, BigInt))))
    }
    return name
  }

  scalar(value: number): string {
    const name = `scalar_${value}`
    if (!this.#constants.has(name)) {
      this.#constants.add(name)
      this.weight(name, [], Float32Array.of(value))
    }
    return name
  }

  /** @returns the name of the result. */
  node(
    operator: string,
    inputs: readonly string[],
    output: string,
    attributes: Readonly<Record<string, Attribute | { readonly float: number }>> = {},
  ): string {
    this.#nodes.push(
      message(
        1,
        Buffer.concat([
          ...inputs.map((name) => text(1, name)),
          text(2, output),
          text(3, `${operator}_${output}`),
          text(4, operator),
          ...Object.entries(attributes).map(([name, value]) => message(5, attribute(name, value))),
        ]),
      ),
    )
    return output
  }

  /** @returns the size in bytes. */
  write(file: string): number {
    const graph = [...this.#nodes, text(2, 'encoder'), ...this.#weights, ...this.#inputs, ...this.#outputs]
    const model = Buffer.concat([
      integer(1, IR_VERSION),
      message(7, Buffer.concat(graph)),
      message(8, Buffer.concat([text(1, ''), integer(2, OPERATOR_SET)])),
    ])
    writeFileSync(file, model)
    return model.length
  }
}

function attribute(name: string, value: Attribute | { readonly float: number }): Buffer {
  if (typeof value === 'number')
    return Buffer.concat([text(1, name), integer(3, value), integer(20, ATTRIBUTE.int)])
  if ('float' in value) {
    const bytes = Buffer.alloc(4)
    bytes.writeFloatLE(value.float)
    return Buffer.concat([text(1, name), key(2, FIXED32), bytes, integer(20, ATTRIBUTE.float)])
  }
  return Buffer.concat([text(1, name), ...value.map((one) => integer(8, one)), integer(20, ATTRIBUTE.ints)])
}

function tensor(
  name: string,
  shape: readonly number[],
  type: number,
  { buffer, byteOffset, byteLength }: Float32Array | BigInt64Array,
): Buffer {
  const bytes = Buffer.from(buffer, byteOffset, byteLength)
  return Buffer.concat([
    ...shape.map((size) => integer(1, size)),
    integer(2, type),
    text(8, name),
    message(9, bytes),
  ])
}

function valueInfo(name: string, type: number, shape: TensorShape): Buffer {
  const sizes = shape.map((size) => message(1, typeof size === 'number' ? integer(1, size) : text(2, size)))
  const tensorType = Buffer.concat([integer(1, type), message(2, Buffer.concat(sizes))])
  return Buffer.concat([text(1, name), message(2, message(1, tensorType))])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let left = BigInt.asUintN(64, BigInt(value))
  do {
    const low = Number(left & 0x7fn)
    left >>= 7n
    bytes.push(left > 0n ? low | 0x80 : low)
  } while (left > 0n)
  return Buffer.from(bytes)
}

const key = (field: number, wireType: number) => varint(field * 8 + wireType)
const integer = (field: number, value: number) => Buffer.concat([key(field, VARINT), varint(value)])
const message = (field: number, bytes: Buffer) =>
  Buffer.concat([key(field, BYTES), varint(bytes.length), bytes])
const text = (field: number, value: string) => message(field, Buffer.from(value))
