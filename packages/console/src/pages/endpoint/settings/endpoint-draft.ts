/**
 * An endpoint's settings while a person changes them: every field as the text that is typed, and the update that
 * they make together. Pure.
 *
 * What is the same as before is not sent, so two people who change different things do not undo each other's.
 */
import type { AccessType, EndpointUpdate, EndpointWithStatus, ScalingMeasure } from '@berth/contract'
import { engineSettings } from '../../../engine/engine-settings.data.ts'
import { type ImageForm, imageFormOf, imageOf } from '../../../engine/image-form.ts'
import { schedulesOf, type TrafficDraft, trafficDraftOf, trafficUpdateOf } from './traffic-draft.ts'

export type MeasureKind = 'pendingRequests' | 'hardwareUsage' | 'slo'

export type Variable = { readonly key: number; readonly name: string; readonly value: string }
/** A secret's value is never read back: it is kept, given anew, or removed. */
export type SecretDraft = {
  readonly name: string
  readonly value: string
  readonly isRemoved: boolean
  readonly isNew: boolean
}

export type EndpointDraft = TrafficDraft & {
  readonly access: AccessType
  readonly tags: string
  readonly cacheHttpResponses: boolean
  /** An offer's id. */
  readonly instance: string
  readonly minReplica: string
  readonly maxReplica: string
  /** Minutes; empty for never. */
  readonly idleMinutes: string
  readonly measure: MeasureKind
  readonly threshold: string
  readonly firstTokenMs: string
  readonly firstTokenMsPerInputToken: string
  readonly interTokenMs: string
  readonly attainmentPercent: string
  readonly strict: boolean
  /** Dollars; empty for no ceiling. */
  readonly maxCostPerHour: string
  readonly repository: string
  readonly revision: string
  readonly task: string
  readonly image: ImageForm
  /** One on each line. */
  readonly args: string
  readonly command: string
  readonly env: readonly Variable[]
  readonly secrets: readonly SecretDraft[]
}

export type Problems = Readonly<Partial<Record<keyof EndpointDraft, string>>>
export type DraftResult =
  | { readonly kind: 'update'; readonly update: EndpointUpdate }
  | { readonly kind: 'problems'; readonly problems: Problems }

export function draftOf(endpoint: EndpointWithStatus): EndpointDraft {
  const { type, tags, cacheHttpResponses, compute, model } = endpoint
  const { scaling } = compute
  const measure = scaling.measure ?? undefined
  const slo = measure && 'slo' in measure ? measure.slo : undefined
  return {
    ...trafficDraftOf(endpoint),
    access: type,
    tags: tags.join(', '),
    cacheHttpResponses,
    instance: compute.id,
    minReplica: String(scaling.minReplica),
    maxReplica: String(scaling.maxReplica),
    idleMinutes: textOf(scaling.scaleToZeroTimeout),
    measure: slo ? 'slo' : measure && 'hardwareUsage' in measure ? 'hardwareUsage' : 'pendingRequests',
    threshold: textOf(thresholdOf(measure)),
    firstTokenMs: textOf(slo?.firstTokenMs ?? 1_000),
    firstTokenMsPerInputToken: textOf(slo?.firstTokenMsPerInputToken ?? 0),
    interTokenMs: textOf(slo?.interTokenMs ?? 100),
    attainmentPercent: textOf(Math.round((slo?.attainment ?? 0.95) * 10_000) / 100),
    strict: scaling.strict ?? false,
    maxCostPerHour: textOf(scaling.maxCostPerHour),
    repository: model.repository,
    revision: model.revision ?? '',
    task: model.task ?? '',
    image: imageFormOf(model.image),
    args: model.args.join('\n'),
    command: model.command.join('\n'),
    env: Object.entries(model.env).map(([name, value], key) => ({ key, name, value })),
    secrets: Object.keys(model.secrets).map((name) => ({ name, value: '', isRemoved: false, isNew: false })),
  }
}

const textOf = (value: number | null | undefined) =>
  value === null || value === undefined ? '' : String(value)

function thresholdOf(measure: ScalingMeasure | undefined): number | null | undefined {
  if (!measure) return undefined
  if ('pendingRequests' in measure) return measure.pendingRequests
  return 'hardwareUsage' in measure ? measure.hardwareUsage : undefined
}

/** @param offers to find what an instance's id stands for. */
export function updateOf(
  endpoint: EndpointWithStatus,
  draft: EndpointDraft,
  offers: readonly {
    readonly id: string
    readonly accelerator: 'cpu' | 'gpu' | 'neuron'
    readonly instanceType: string
    readonly instanceSize: string
  }[],
): DraftResult {
  const before = draftOf(endpoint)
  const problems: Partial<Record<keyof EndpointDraft, string>> = {}
  const changed = (...fields: readonly (keyof EndpointDraft)[]) =>
    fields.some((field) => JSON.stringify(draft[field]) !== JSON.stringify(before[field]))
  const number = (field: keyof EndpointDraft, emptyIsNull = false): number | null => {
    const text = String(draft[field]).trim()
    if (text === '' && emptyIsNull) return null
    const value = Number(text)
    if (text === '' || !Number.isFinite(value)) problems[field] = `"${text}" is not a number.`
    return value
  }
  const scaling = {
    ...(changed('minReplica') && { minReplica: number('minReplica') }),
    ...(changed('maxReplica') && { maxReplica: number('maxReplica') }),
    ...(changed('idleMinutes') && { scaleToZeroTimeout: number('idleMinutes', true) }),
    ...(changed('measure', 'threshold', ...SLO_FIELDS) && { measure: measureOf(draft, number) }),
    ...(changed('strict') && { strict: draft.strict }),
    ...(changed('maxCostPerHour') && { maxCostPerHour: number('maxCostPerHour', true) }),
    ...(changed('schedules') && { schedules: schedulesOf(draft) }),
  }
  const offer = changed('instance') ? offers.find(({ id }) => id === draft.instance) : undefined
  const compute = {
    ...(offer && {
      accelerator: offer.accelerator,
      instanceType: offer.instanceType,
      instanceSize: offer.instanceSize,
    }),
    ...(Object.keys(scaling).length > 0 && { scaling }),
  }
  const secrets = secretsOf(draft)
  const model = {
    ...(changed('repository') && { repository: draft.repository.trim() }),
    ...(changed('revision') && { revision: draft.revision.trim() || null }),
    ...(changed('task') && { task: draft.task.trim() || null }),
    ...(changed('image') && { image: imageOf(draft.image, engineSettings[draft.image.variant] ?? []) }),
    ...(changed('args') && { args: linesOf(draft.args) }),
    ...(changed('command') && { command: linesOf(draft.command) }),
    ...(JSON.stringify(pairs(draft.env)) !== JSON.stringify(pairs(before.env)) && {
      env: Object.fromEntries(pairs(draft.env)),
    }),
    ...(Object.keys(secrets).length > 0 && { secrets }),
  }
  const update = {
    ...trafficUpdateOf(draft, changed),
    ...(changed('access') && { type: draft.access }),
    ...(changed('tags') && {
      tags: draft.tags
        .split(',')
        .map((tag) => tag.trim())
        .filter((tag) => tag !== ''),
    }),
    ...(changed('cacheHttpResponses') && { cacheHttpResponses: draft.cacheHttpResponses }),
    ...(Object.keys(compute).length > 0 && { compute }),
    ...(Object.keys(model).length > 0 && { model }),
  } as EndpointUpdate
  return Object.keys(problems).length > 0 ? { kind: 'problems', problems } : { kind: 'update', update }
}

const SLO_FIELDS = ['firstTokenMs', 'firstTokenMsPerInputToken', 'interTokenMs', 'attainmentPercent'] as const

function measureOf(
  draft: EndpointDraft,
  number: (field: keyof EndpointDraft, emptyIsNull?: boolean) => number | null,
): object {
  switch (draft.measure) {
    case 'pendingRequests':
      return { pendingRequests: number('threshold', true) }
    case 'hardwareUsage':
      return { hardwareUsage: number('threshold', true) }
    case 'slo':
      return {
        slo: {
          firstTokenMs: number('firstTokenMs'),
          firstTokenMsPerInputToken: number('firstTokenMsPerInputToken'),
          interTokenMs: number('interTokenMs'),
          attainment: (number('attainmentPercent') ?? 0) / 100,
        },
      }
    default:
      return draft.measure satisfies never
  }
}

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '')

const pairs = (variables: readonly Variable[]) =>
  variables.filter(({ name }) => name.trim() !== '').map(({ name, value }) => [name.trim(), value] as const)

function secretsOf({ secrets }: EndpointDraft): Readonly<Record<string, string | null>> {
  const changes: Record<string, string | null> = {}
  for (const { name, value, isRemoved, isNew } of secrets) {
    if (name.trim() === '' || (isNew && isRemoved)) continue
    if (isRemoved) changes[name] = null
    else if (value !== '') changes[name.trim()] = value
  }
  return changes
}
