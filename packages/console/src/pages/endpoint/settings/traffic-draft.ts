/** The part of the draft that is about requests: who may call from where, how much, who serves them, who else. Pure. */
import type {
  EndpointUpdate,
  EndpointWithStatus,
  FallbackReason,
  RoutingPolicy,
  ScalingSchedule,
  UsageLimits,
} from '@berth/contract'
import { numberIn } from '../../../engine/image-form.ts'

export const FALLBACK_REASONS = ['cold', 'overloaded', 'failed'] as const satisfies readonly FallbackReason[]
export const LIMITS = [
  'requestsPerMinute',
  'tokensPerMinute',
  'concurrentRequests',
  'bodyBytes',
  'requestSeconds',
] as const satisfies readonly (keyof UsageLimits)[]
export const WEEKDAYS = [
  'Mon',
  'Tue',
  'Wed',
  'Thu',
  'Fri',
  'Sat',
  'Sun',
] as const satisfies readonly ScalingSchedule['days'][number][]

export type FallbackDraft = {
  readonly kind: 'none' | 'endpoint' | 'external'
  readonly endpoint: string
  readonly baseUrl: string
  readonly model: string
  readonly secret: string
  readonly on: readonly FallbackReason[]
}

export type ScheduleDraft = {
  readonly key: number
  readonly days: ScalingSchedule['days']
  readonly fromHour: string
  readonly toHour: string
  readonly minReplica: string
  readonly timeZone: string
}

export type TrafficDraft = {
  /** One on each line. */
  readonly origins: string
  readonly fallback: FallbackDraft
  /** Empty for the engine's. */
  readonly policy: RoutingPolicy | ''
  /** Empty for the engine's. */
  readonly requestsPerReplica: string
  /** Empty for none. */
  readonly limits: Readonly<Record<keyof UsageLimits, string>>
  readonly schedules: readonly ScheduleDraft[]
}

export function trafficDraftOf({
  cors,
  fallback,
  routing,
  limits,
  compute,
}: EndpointWithStatus): TrafficDraft {
  return {
    origins: (cors?.origins ?? []).join('\n'),
    fallback: {
      kind: fallback?.external ? 'external' : fallback?.endpoint !== undefined ? 'endpoint' : 'none',
      endpoint: fallback?.endpoint ?? '',
      baseUrl: fallback?.external?.baseUrl ?? '',
      model: fallback?.external?.model ?? '',
      secret: fallback?.external?.secret ?? '',
      on: fallback?.on ?? FALLBACK_REASONS,
    },
    policy: routing?.policy ?? '',
    requestsPerReplica: String(routing?.requestsPerReplica ?? ''),
    limits: {
      requestsPerMinute: String(limits?.requestsPerMinute ?? ''),
      tokensPerMinute: String(limits?.tokensPerMinute ?? ''),
      concurrentRequests: String(limits?.concurrentRequests ?? ''),
      bodyBytes: String(limits?.bodyBytes ?? ''),
      requestSeconds: String(limits?.requestSeconds ?? ''),
    },
    schedules: (compute.scaling.schedules ?? []).map((schedule, key) => ({
      key,
      days: schedule.days,
      fromHour: String(schedule.fromHour),
      toHour: String(schedule.toHour),
      minReplica: String(schedule.minReplica),
      timeZone: schedule.timeZone,
    })),
  }
}

/** Each is replaced as a whole, so each is sent whole or not at all. */
export function trafficUpdateOf(
  draft: TrafficDraft,
  changed: (...fields: readonly (keyof TrafficDraft)[]) => boolean,
): EndpointUpdate {
  const origins = draft.origins
    .split('\n')
    .map((origin) => origin.trim())
    .filter((origin) => origin !== '')
  return {
    ...(changed('origins') && { cors: origins.length > 0 ? { origins } : null }),
    ...(changed('fallback') && { fallback: fallbackOf(draft.fallback) }),
    ...(changed('policy', 'requestsPerReplica') && { routing: routingOf(draft) }),
    ...(changed('limits') && { limits: limitsOf(draft) }),
  }
}

export const schedulesOf = ({ schedules }: TrafficDraft): ScalingSchedule[] =>
  schedules.map(({ key: _, fromHour, toHour, minReplica, ...schedule }) => ({
    ...schedule,
    fromHour: numberIn(fromHour),
    toHour: numberIn(toHour),
    minReplica: numberIn(minReplica),
  }))

function fallbackOf({
  kind,
  endpoint,
  baseUrl,
  model,
  secret,
  on,
}: FallbackDraft): EndpointUpdate['fallback'] {
  if (kind === 'none') return null
  return {
    ...(kind === 'endpoint' ? { endpoint } : { external: { baseUrl, model, secret } }),
    ...(on.length < FALLBACK_REASONS.length && { on: [...on] }),
  }
}

function routingOf({ policy, requestsPerReplica }: TrafficDraft): EndpointUpdate['routing'] {
  if (policy === '' && requestsPerReplica === '') return null
  return {
    ...(policy !== '' && { policy }),
    ...(requestsPerReplica !== '' && { requestsPerReplica: numberIn(requestsPerReplica) }),
  }
}

function limitsOf({ limits }: TrafficDraft): EndpointUpdate['limits'] {
  const said = LIMITS.filter((name) => limits[name].trim() !== '')
  if (said.length === 0) return null
  return Object.fromEntries(said.map((name) => [name, numberIn(limits[name])]))
}
