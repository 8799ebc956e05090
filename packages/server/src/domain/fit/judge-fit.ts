/**
 * Whether a model fits on hardware, and if not, by how much and what would make it fit.
 *
 * Every change that is named is the smallest of its kind that is enough alone, everything else left as it was
 * asked. More memory is always among them; a change that could not help is not.
 */
import type { InstanceType } from '../instance-type.ts'
import { GIBIBYTE } from '../memory-ledger.ts'
import {
  type EngineMemory,
  estimateMemory,
  loadedBytes,
  type MemoryEstimate,
  type MemoryWish,
} from './estimate-memory.ts'
import { KV_DTYPE_BYTES, type KvDtype, type ModelShape } from './model-shape.ts'

export type Hardware = {
  readonly devices: number
  readonly bytesPerDevice: number
  /** Whether a model could be spread over more of them, as over GPUs. */
  readonly canSpread: boolean
}

/** What holds the model on an instance type: its GPUs' memory where it has any, else its own. */
export function hardwareOf({
  gpus,
  gpuMemoryBytes,
  memoryBytes,
}: Pick<InstanceType, 'gpus' | 'gpuMemoryBytes' | 'memoryBytes'>): Hardware {
  if (gpus === 0) return { devices: 1, bytesPerDevice: memoryBytes, canSpread: false }
  return { devices: gpus, bytesPerDevice: Math.floor(gpuMemoryBytes / gpus), canSpread: true }
}

export type FitChange =
  | { readonly kind: 'context'; readonly contextTokens: number }
  | { readonly kind: 'concurrency'; readonly concurrency: number }
  | { readonly kind: 'kvDtype'; readonly kvDtype: KvDtype }
  /** Smaller weights; `bitsPerWeight` when the number of parameters is known. */
  | { readonly kind: 'weights'; readonly weightBytes: number; readonly bitsPerWeight: number | undefined }
  | { readonly kind: 'devices'; readonly devices: number }
  | { readonly kind: 'memory'; readonly bytesPerDevice: number }

export type Fit =
  | { readonly fits: true; readonly estimate: MemoryEstimate; readonly spareBytes: number }
  | {
      readonly fits: false
      readonly estimate: MemoryEstimate
      /** On each device. */
      readonly shortBytes: number
      readonly changes: readonly FitChange[]
      /** All of it in words, for a person. */
      readonly message: string
    }

/** Shorter than this, hardly a chat fits in. */
const MIN_CONTEXT_TOKENS = 512
const CONTEXT_STEP_TOKENS = 256
/** Below this, models fall apart. */
const MIN_BITS_PER_WEIGHT = 2
/** As many as one machine has, in the steps in which machines and attention heads come. */
const DEVICE_COUNTS = [2, 4, 8]

export function judgeFit(
  shape: ModelShape,
  wish: Omit<MemoryWish, 'devices'>,
  engine: EngineMemory,
  hardware: Hardware,
): Fit {
  const asked: MemoryWish = { ...wish, devices: hardware.devices }
  const usableBytes = Math.floor(hardware.bytesPerDevice * engine.usableFraction)
  const estimate = estimateMemory(shape, asked, engine)
  const shortBytes = estimate.totalBytes - usableBytes
  if (shortBytes <= 0) return { fits: true, estimate, spareBytes: usableBytes - estimate.totalBytes }

  const fitsWith = (changed: Partial<MemoryWish>) =>
    estimateMemory(shape, { ...asked, ...changed }, engine).totalBytes <= usableBytes
  const changes = [
    ...lessContext(asked, fitsWith),
    ...lessConcurrency(asked, fitsWith),
    ...smallerKv(asked, engine.kvDtypes, fitsWith),
    ...smallerWeights(shape, asked, shortBytes, engine),
    ...(hardware.canSpread ? moreDevices(asked, fitsWith) : []),
    { kind: 'memory', bytesPerDevice: Math.ceil(estimate.totalBytes / engine.usableFraction) } as const,
  ]
  const message = inWords({ estimate, shortBytes, changes, asked, hardware, usableBytes })
  return { fits: false, estimate, shortBytes, changes, message }
}

type FitsWith = (changed: Partial<MemoryWish>) => boolean

function lessContext({ contextTokens }: MemoryWish, fitsWith: FitsWith): FitChange[] {
  const steps = Math.floor((contextTokens - 1) / CONTEXT_STEP_TOKENS)
  const most = largest(steps, (step) => fitsWith({ contextTokens: step * CONTEXT_STEP_TOKENS }))
  const tokens = most * CONTEXT_STEP_TOKENS
  return tokens >= MIN_CONTEXT_TOKENS ? [{ kind: 'context', contextTokens: tokens }] : []
}

function lessConcurrency({ concurrency }: MemoryWish, fitsWith: FitsWith): FitChange[] {
  const most = largest(concurrency - 1, (fewer) => fitsWith({ concurrency: fewer }))
  return most >= 1 ? [{ kind: 'concurrency', concurrency: most }] : []
}

function smallerKv({ kvDtype }: MemoryWish, dtypes: readonly KvDtype[], fitsWith: FitsWith): FitChange[] {
  const found = dtypes
    .filter((dtype) => KV_DTYPE_BYTES[dtype] < KV_DTYPE_BYTES[kvDtype])
    .toSorted((a, b) => KV_DTYPE_BYTES[b] - KV_DTYPE_BYTES[a])
    .find((dtype) => fitsWith({ kvDtype: dtype }))
  return found ? [{ kind: 'kvDtype', kvDtype: found }] : []
}

function smallerWeights(
  shape: ModelShape,
  { devices }: MemoryWish,
  shortBytes: number,
  engine: EngineMemory,
): FitChange[] {
  const weightBytes = Math.floor(loadedBytes(shape, engine) - shortBytes * devices)
  if (weightBytes <= 0) return []
  const { parameters } = shape
  if (!parameters) return [{ kind: 'weights', weightBytes, bitsPerWeight: undefined }]
  // Rounded down, so that what is promised is enough.
  const bitsPerWeight = Math.floor((weightBytes * 80) / parameters) / 10
  return bitsPerWeight >= MIN_BITS_PER_WEIGHT ? [{ kind: 'weights', weightBytes, bitsPerWeight }] : []
}

function moreDevices({ devices }: MemoryWish, fitsWith: FitsWith): FitChange[] {
  const found = DEVICE_COUNTS.find((more) => more > devices && fitsWith({ devices: more }))
  return found ? [{ kind: 'devices', devices: found }] : []
}

/** The largest of 1 … `most` for which `holds`, if it holds for all below as well; 0 for none. */
function largest(most: number, holds: (value: number) => boolean): number {
  let known = 0
  let beyond = Math.max(0, most) + 1
  while (beyond - known > 1) {
    const middle = Math.floor((known + beyond) / 2)
    if (holds(middle)) known = middle
    else beyond = middle
  }
  return known
}

function inWords({
  estimate,
  shortBytes,
  changes,
  asked,
  hardware,
  usableBytes,
}: {
  readonly estimate: MemoryEstimate
  readonly shortBytes: number
  readonly changes: readonly FitChange[]
  readonly asked: MemoryWish
  readonly hardware: Hardware
  readonly usableBytes: number
}): string {
  const { concurrency, contextTokens, kvDtype } = asked
  const { weightBytes, kvBytes, engineBytes, totalBytes } = estimate
  const each = hardware.devices > 1 ? ` on each of ${hardware.devices} devices` : ''
  const usable =
    usableBytes === hardware.bytesPerDevice
      ? `${allowed(usableBytes)} there`
      : `${allowed(usableBytes)} usable of ${allowed(hardware.bytesPerDevice)}`
  return (
    `It does not fit: ${needed(totalBytes)} needed${each} (weights ${needed(weightBytes)}, ` +
    `KV cache ${needed(kvBytes)} for ${concurrency} × ${contextTokens} tokens in ${kvDtype}, ` +
    `engine ${needed(engineBytes)}), ${usable}: ${needed(shortBytes)} too much. ` +
    `One of these makes it fit: ${changes.map((change) => changeInWords(change)).join('; ')}.`
  )
}

export function changeInWords(change: FitChange): string {
  switch (change.kind) {
    case 'context':
      return `at most ${change.contextTokens} tokens of context`
    case 'concurrency':
      return `at most ${change.concurrency} request${change.concurrency === 1 ? '' : 's'} at a time`
    case 'kvDtype':
      return `a KV cache in ${change.kvDtype}`
    case 'weights':
      return change.bitsPerWeight === undefined
        ? `weights of at most ${allowed(change.weightBytes)}`
        : `a quantisation of at most ${change.bitsPerWeight} bits per weight (${allowed(change.weightBytes)})`
    case 'devices':
      return `${change.devices} devices of this kind`
    case 'memory':
      return `${needed(change.bytesPerDevice)} of memory per device`
    default:
      return change satisfies never
  }
}

const MEBIBYTE = 2 ** 20

/** What is needed is rounded up, what is allowed is rounded down: the numbers in a message hold as they stand. */
const needed = (bytes: number) => sizeInWords(bytes, Math.ceil)
const allowed = (bytes: number) => sizeInWords(bytes, Math.floor)

function sizeInWords(bytes: number, round: (value: number) => number): string {
  const isSmall = bytes < GIBIBYTE
  const value = isSmall ? round(bytes / MEBIBYTE) : round((bytes / GIBIBYTE) * 10) / 10
  return `${value} ${isSmall ? 'MiB' : 'GiB'}`
}
