/**
 * What a replica is believed to carry before anything was seen of it: from the size of its weights and what it runs on.
 *
 * Making a token reads all weights once; working through a prompt multiplies each of them once for every token. The
 * rates are those of ordinary hardware. Only the order of magnitude matters, since what the gateways see corrects it.
 */
import { type Image, variantOf } from '@berth/contract'
import type { InstanceType } from '../instance-type.ts'
import type { CapacityProfile } from './capacity-profile.ts'

const CPU_BYTES_PER_MS = 15e6
const GPU_BYTES_PER_MS = 900e6
/** Multiplications, two operations each. */
const CPU_MULTIPLICATIONS_PER_MS = 25e6
const GPU_MULTIPLICATIONS_PER_MS = 75e9
/** What the next sequence of a batch adds to a step, as a share of it. */
const CPU_SEQUENCE_SHARE = 0.4
const GPU_SEQUENCE_SHARE = 0.015
const CACHE_BYTES_PER_TOKEN = 100_000
const SHORTEST_STEP_MS = 1
const CPU_SEQUENCES = 4
const GPU_SEQUENCES = 64
const CONTEXT_PER_SEQUENCE = 2_048

type Facts = {
  readonly weightBytes: number
  readonly instance: Pick<InstanceType, 'cpus' | 'gpus'>
  /** With every setting chosen. */
  readonly image: Image
  /** From asking for a replica until it was ready, as learned; a guess before the first. */
  readonly startMs: number
}

export function priorProfile({ weightBytes, instance, image, startMs }: Facts): CapacityProfile {
  const onGpu = instance.gpus > 0
  const bytesPerMs = onGpu ? GPU_BYTES_PER_MS * instance.gpus : CPU_BYTES_PER_MS
  const multiplicationsPerMs = onGpu
    ? GPU_MULTIPLICATIONS_PER_MS * instance.gpus
    : CPU_MULTIPLICATIONS_PER_MS * Math.max(1, instance.cpus)
  const stepMs = Math.max(SHORTEST_STEP_MS, weightBytes / bytesPerMs)
  const maxSequences =
    numberIn(image, ['nParallel', 'parallel', 'maxNumSeqs', 'maxRunningRequests', 'maxConcurrentRequests']) ??
    (onGpu ? GPU_SEQUENCES : CPU_SEQUENCES)
  return {
    stepMs,
    stepMsPerSequence: stepMs * (onGpu ? GPU_SEQUENCE_SHARE : CPU_SEQUENCE_SHARE),
    stepMsPerContextToken: CACHE_BYTES_PER_TOKEN / bytesPerMs / 1_000,
    prefillMsPerToken: weightBytes / multiplicationsPerMs,
    maxSequences,
    contextTokens: numberIn(image, ['ctxSize', 'maxTotalTokens']) ?? maxSequences * CONTEXT_PER_SEQUENCE,
    startMs,
  }
}

/** The first of the settings that the image has, as its engine names them. */
function numberIn(image: Image, names: readonly string[]): number | undefined {
  const settings: Readonly<Record<string, unknown>> = { ...variantOf(image).settings }
  for (const name of names) {
    const value = settings[name]
    if (typeof value === 'number' && value > 0) return value
  }
  return undefined
}
