/**
 * The header of a safetensors file, and the index of a model in several of them: how large the weights are.
 *
 * The file begins with the length of a JSON text (64 bits, little-endian) and the text: name → data type, shape and
 * place of each tensor.
 */
import { PlatformError } from '../domain/errors.ts'

export type WeightSize = {
  readonly bytes: number
  /** `undefined` where several weights are packed into one number, as quantised formats do. */
  readonly parameters: number | undefined
  /** That most bytes have. */
  readonly dtype: string | undefined
}

const LENGTH_BYTES = 8
/** As the format's own library allows. */
const MAX_JSON_BYTES = 100_000_000
const PACKING_DTYPES: readonly string[] = ['I8', 'U8', 'I32', 'U32', 'I64', 'U64']

/**
 * @param bytes from the beginning of the file. @returns `undefined` when the header goes on behind them.
 * @throws PlatformError `invalid` when the file is no safetensors file, or damaged.
 */
export function parseSafetensorsHeader(bytes: Uint8Array, path: string): WeightSize | undefined {
  if (bytes.byteLength < LENGTH_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = Number(view.getBigUint64(0, true))
  if (length > MAX_JSON_BYTES) throw refused(path, `promises a header of ${length} bytes`)
  if (bytes.byteLength < LENGTH_BYTES + length) return undefined
  return sizeOf(parsed(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length), path), path)
}

/** Of `model.safetensors.index.json`. @returns `undefined` when it does not say. */
export function sizeFromIndex(index: unknown): WeightSize | undefined {
  const metadata = asObject(asObject(index)?.['metadata'])
  const bytes = metadata?.['total_size']
  if (typeof bytes !== 'number' || !(bytes > 0)) return undefined
  const parameters = metadata?.['total_parameters']
  const known = typeof parameters === 'number' && parameters > 0
  return { bytes, parameters: known ? parameters : undefined, dtype: undefined }
}

function sizeOf(header: Readonly<Record<string, unknown>>, path: string): WeightSize {
  let bytes = 0
  let parameters = 0
  let isPacked = false
  const bytesOf = new Map<string, number>()
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') continue
    const tensor = asObject(value)
    const [from, to] = numbersIn(tensor?.['data_offsets'])
    const shape = numbersIn(tensor?.['shape'])
    if (from === undefined || to === undefined || to < from) throw refused(path, `has no place for "${name}"`)
    bytes += to - from
    const dtype = String(tensor?.['dtype'])
    bytesOf.set(dtype, (bytesOf.get(dtype) ?? 0) + to - from)
    parameters += shape.reduce((product, one) => product * one, 1)
    isPacked ||= PACKING_DTYPES.includes(dtype)
  }
  const [most] = [...bytesOf].toSorted(([, a], [, b]) => b - a)
  return { bytes, parameters: isPacked ? undefined : parameters, dtype: most?.[0] }
}

function parsed(json: Uint8Array, path: string): Readonly<Record<string, unknown>> {
  try {
    const value = asObject(JSON.parse(new TextDecoder().decode(json)))
    if (value) return value
  } catch (error) {
    throw refused(path, 'has a header that is not JSON', error)
  }
  throw refused(path, 'has a header that is no object')
}

function numbersIn(value: unknown): number[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'number') : []
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined
}

function refused(path: string, why: string, cause?: unknown): PlatformError {
  return new PlatformError(
    'invalid',
    `"${path}" is not a safetensors file that Berth can read: it ${why}. Download or convert it again.`,
    { reason: 'header_unreadable', cause },
  )
}
