/**
 * An endpoint while a person fills in or changes what it is: every field as the text that is typed. Pure.
 *
 * One draft for a new endpoint, a copy and the settings of one that is there, so that what can be said of an endpoint
 * has one field with one name wherever it is said. What it means to the API is in `endpoint-meaning.ts`.
 */
import type {
  AccessType,
  Endpoint,
  EndpointWithStatus,
  FallbackReason,
  RoutingPolicy,
  ScalingMeasure,
  ScalingSchedule,
  UsageLimits,
} from '@berth/contract'
import { type ImageForm, imageFormOf } from '../engine/image-form.ts'

export type MeasureKind = 'default' | 'pendingRequests' | 'hardwareUsage' | 'slo'

export type Instance = Pick<Endpoint['compute'], 'accelerator' | 'instanceType' | 'instanceSize'>

export type Variable = { readonly key: number; readonly name: string; readonly value: string }
/** A secret's value is never read back: it is kept, given anew, or removed. */
export type SecretDraft = {
  readonly name: string
  readonly value: string
  readonly isRemoved: boolean
  readonly isNew: boolean
}
export type AdapterDraft = {
  readonly key: number
  readonly name: string
  readonly repository: string
  readonly revision: string
}
export type FallbackDraft = {
  readonly kind: 'none' | 'endpoint' | 'external'
  readonly endpoint: string
  readonly baseUrl: string
  readonly model: string
  readonly secret: string
  readonly on: readonly FallbackReason[]
}
export type RouterDraft = {
  /** Its image or program; empty for none. */
  readonly tag: string
  /** Empty for the usual one. */
  readonly port: string
  readonly env: readonly Variable[]
}
export type ScheduleDraft = {
  readonly key: number
  readonly days: ScalingSchedule['days']
  readonly fromHour: string
  readonly toHour: string
  readonly minReplica: string
  readonly timeZone: string
}

export type EndpointDraft = {
  readonly access: AccessType
  /** With commas between them. */
  readonly tags: string
  readonly cacheHttpResponses: boolean
  readonly instance: Instance
  readonly minReplica: string
  readonly maxReplica: string
  /** Minutes, or `never`. */
  readonly idle: string
  readonly measure: MeasureKind
  readonly threshold: string
  readonly firstTokenMs: string
  readonly firstTokenMsPerInputToken: string
  readonly interTokenMs: string
  readonly attainmentPercent: string
  readonly strict: boolean
  /** Dollars; empty for no ceiling. */
  readonly maxCostPerHour: string
  readonly schedules: readonly ScheduleDraft[]
  readonly repository: string
  readonly revision: string
  readonly task: string
  readonly image: ImageForm
  /** One on each line. */
  readonly args: string
  readonly command: string
  readonly env: readonly Variable[]
  readonly secrets: readonly SecretDraft[]
  readonly adapters: readonly AdapterDraft[]
  /** One on each line. */
  readonly origins: string
  readonly fallback: FallbackDraft
  /** Empty for the engine's. */
  readonly policy: RoutingPolicy | ''
  /** Empty for the engine's. */
  readonly requestsPerReplica: string
  readonly router: RouterDraft
  /** Empty for none. */
  readonly limits: Readonly<Record<keyof UsageLimits, string>>
  /** What no field stands for, as it came. */
  readonly experimentalFeatures: Endpoint['experimentalFeatures']
}

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

/** @param endpoint as it was asked for, or as Berth answers it; its secrets are names. */
export function draftOf(endpoint: Endpoint | EndpointWithStatus): EndpointDraft {
  const { type, tags, cacheHttpResponses, compute, model, routing, limits } = endpoint
  const { accelerator, instanceType, instanceSize, scaling } = compute
  const limitOf = (name: keyof UsageLimits) => textOf(limits?.[name])
  return {
    ...measureDraftOf(scaling.measure ?? undefined),
    access: type,
    tags: (tags ?? []).join(', '),
    cacheHttpResponses: cacheHttpResponses ?? false,
    instance: { accelerator, instanceType, instanceSize },
    minReplica: String(scaling.minReplica),
    maxReplica: String(scaling.maxReplica),
    idle: textOf(scaling.scaleToZeroTimeout) || 'never',
    strict: scaling.strict ?? false,
    maxCostPerHour: textOf(scaling.maxCostPerHour),
    schedules: (scaling.schedules ?? []).map(({ days, fromHour, toHour, minReplica, timeZone }, key) => ({
      ...{ key, days, timeZone },
      ...{ fromHour: String(fromHour), toHour: String(toHour), minReplica: String(minReplica) },
    })),
    repository: model.repository,
    revision: model.revision ?? '',
    task: model.task ?? '',
    image: imageFormOf(model.image),
    args: (model.args ?? []).join('\n'),
    command: (model.command ?? []).join('\n'),
    env: variablesOf(model.env),
    secrets: Object.keys(model.secrets ?? {}).map((name) => ({
      ...{ name, value: '', isRemoved: false, isNew: false },
    })),
    adapters: Object.entries(model.adapters ?? {}).map(([name, { repository, revision }], key) => ({
      ...{ key, name, repository, revision: revision ?? '' },
    })),
    origins: (endpoint.cors?.origins ?? []).join('\n'),
    fallback: fallbackDraftOf(endpoint.fallback),
    policy: routing?.policy ?? '',
    requestsPerReplica: textOf(routing?.requestsPerReplica),
    router: {
      tag: endpoint.customRouter?.tag ?? '',
      port: textOf(endpoint.customRouter?.port),
      env: variablesOf(endpoint.customRouter?.env),
    },
    limits: {
      requestsPerMinute: limitOf('requestsPerMinute'),
      tokensPerMinute: limitOf('tokensPerMinute'),
      concurrentRequests: limitOf('concurrentRequests'),
      bodyBytes: limitOf('bodyBytes'),
      requestSeconds: limitOf('requestSeconds'),
    },
    experimentalFeatures: endpoint.experimentalFeatures,
  }
}

/** What may be kept outside the page's memory. */
export const withoutSecrets = (draft: EndpointDraft): EndpointDraft => ({
  ...draft,
  image: { ...draft.image, registryPassword: '' },
  secrets: draft.secrets.map((secret) => ({ ...secret, value: '' })),
})

const variablesOf = (record: Readonly<Record<string, string>> = {}): readonly Variable[] =>
  Object.entries(record).map(([name, value], key) => ({ key, name, value }))

function measureDraftOf(measure: ScalingMeasure | undefined) {
  const slo = measure && 'slo' in measure ? measure.slo : undefined
  const [kind, threshold] = measure && !slo ? Object.entries(measure)[0]! : ['default', null]
  return {
    measure: slo ? 'slo' : (kind as MeasureKind),
    threshold: textOf(threshold as number | null),
    firstTokenMs: textOf(slo?.firstTokenMs ?? 1_000),
    firstTokenMsPerInputToken: textOf(slo?.firstTokenMsPerInputToken ?? 0),
    interTokenMs: textOf(slo?.interTokenMs ?? 100),
    attainmentPercent: textOf(Math.round((slo?.attainment ?? 0.95) * 10_000) / 100),
  } as const
}

function fallbackDraftOf(fallback: Endpoint['fallback']): FallbackDraft {
  return {
    kind: fallback?.external ? 'external' : fallback?.endpoint !== undefined ? 'endpoint' : 'none',
    endpoint: fallback?.endpoint ?? '',
    baseUrl: fallback?.external?.baseUrl ?? '',
    model: fallback?.external?.model ?? '',
    secret: fallback?.external?.secret ?? '',
    on: fallback?.on ?? FALLBACK_REASONS,
  }
}

const textOf = (value: number | null | undefined) =>
  value === null || value === undefined ? '' : String(value)
