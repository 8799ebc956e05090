/** What `berth what-if` is asked, from its flags. Pure. */
import type { LatencyObjective, Scaling, ScalingMeasure } from '@berth/contract'
import { usageError } from './exit.ts'

export type WhatIfFlags = {
  readonly last: string
  readonly policy?: string
  readonly slo?: string
  readonly min?: number
  readonly max?: number
}

const UNITS_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const POLICY = 'pending=5, cpu=80, or slo'
const SLO = 'ttft:2s,itl:100ms (and, if you like, per-token:1ms, of:95%)'

/** What is judged by when nobody named a latency: what people at a screen are content with. */
export const USUAL_OBJECTIVE: LatencyObjective = {
  firstTokenMs: 2_000,
  firstTokenMsPerInputToken: 1,
  interTokenMs: 100,
  attainment: 0.95,
}

export function lastMs(text: string): number {
  const [, count, unit] = /^(\d{1,5})([mhd])$/.exec(text) ?? []
  if (!count || !unit || Number(count) === 0) {
    throw usageError(`--last is "${text}": write a time such as 90m, 24h or 7d.`)
  }
  return Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS]
}

/** The one asked for, else that of the endpoint, else the usual one. */
export function objectiveOf(flags: WhatIfFlags, present: Scaling): LatencyObjective {
  if (flags.slo !== undefined) return objectiveFrom(flags.slo)
  const { measure } = present
  return measure && 'slo' in measure ? measure.slo : USUAL_OBJECTIVE
}

/** @returns undefined when nothing else than the present policy was asked for. */
export function askedScaling(
  { policy, slo, min, max }: WhatIfFlags,
  present: Scaling,
  objective: LatencyObjective,
): Scaling | undefined {
  if (policy === undefined && slo === undefined && min === undefined && max === undefined) return undefined
  const { metric: _, threshold: __, ...kept } = present
  const measure =
    policy !== undefined
      ? measureFrom(policy, objective)
      : slo !== undefined
        ? { slo: objective }
        : present.measure
  const asked = {
    ...kept,
    ...(measure !== undefined && { measure }),
    ...(min !== undefined && { minReplica: min }),
    ...(max !== undefined && { maxReplica: max }),
  }
  if (asked.maxReplica < 1) throw usageError('--max is 0: at least one replica has to be allowed.')
  if (asked.minReplica > asked.maxReplica) {
    throw usageError(
      `The minimum (${asked.minReplica}) is larger than the maximum (${asked.maxReplica}): change --min or --max.`,
    )
  }
  return asked
}

function measureFrom(text: string, objective: LatencyObjective): ScalingMeasure {
  const [, kind, value] = /^(pending|cpu|slo)(?:=(\d{1,6}(?:\.\d{1,6})?))?$/.exec(text) ?? []
  const threshold = value === undefined ? null : Number(value)
  if (threshold === 0) throw usageError(`--policy is "${text}": the threshold must be above 0.`)
  if (kind === 'pending') return { pendingRequests: threshold }
  if (kind === 'cpu' && (threshold ?? 0) <= 100) return { hardwareUsage: threshold }
  if (kind === 'slo' && threshold === null) return { slo: objective }
  throw usageError(`--policy is "${text}": write ${POLICY}, and --slo for the latency that is promised.`)
}

function objectiveFrom(text: string): LatencyObjective {
  const wrong = usageError(`--slo is "${text}": write ${SLO}.`)
  const parts = new Map(
    text.split(',').map((part) => {
      const [name = '', value = ''] = part.split(':')
      return [name, value] as const
    }),
  )
  const ms = (name: string) => {
    const [, count, unit] = /^(\d{1,7}(?:\.\d{1,6})?)(ms|s)$/.exec(parts.get(name) ?? '') ?? []
    if (count === undefined) throw wrong
    return Number(count) * (unit === 's' ? 1_000 : 1)
  }
  if ([...parts.keys()].some((name) => !['ttft', 'itl', 'per-token', 'of'].includes(name))) throw wrong
  const [, share] = /^(\d{1,2}(?:\.\d{1,4})?)%$/.exec(parts.get('of') ?? '95%') ?? []
  const [firstTokenMs, interTokenMs] = [ms('ttft'), ms('itl')]
  if (!(Number(share) > 0) || firstTokenMs === 0 || interTokenMs === 0) throw wrong
  return {
    firstTokenMs,
    firstTokenMsPerInputToken: parts.has('per-token') ? ms('per-token') : 0,
    interTokenMs,
    attainment: Number((Number(share) / 100).toFixed(6)),
  }
}

export function measureInWords({ measure, metric, threshold }: Scaling): string {
  if (measure && 'slo' in measure) return 'latency objective'
  if (measure && 'hardwareUsage' in measure) return `hardware usage ${measure.hardwareUsage ?? 80} %`
  if (measure) return `pending requests ${measure.pendingRequests ?? 1.5}`
  return metric === 'hardwareUsage'
    ? `hardware usage ${threshold ?? 80} %`
    : `pending requests ${threshold ?? 1.5}`
}
