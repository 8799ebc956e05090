/**
 * What a draft means to the API: the endpoint that it would make, or the change that it is. Pure.
 *
 * What is no number goes as the text that it is, so that the refusal names it and the field shows it.
 */
import type { Endpoint, EndpointUpdate, ScalingMeasure } from '@berth/contract'
import { engineSettings } from '../engine/engine-settings.data.ts'
import { imageOf, numberIn } from '../engine/image-form.ts'
import { type EndpointDraft, FALLBACK_REASONS, LIMITS } from './endpoint-draft.ts'

/** Everything that the draft says; what it says nothing of is null, empty or false. */
function saidBy(draft: EndpointDraft) {
  const origins = linesOf(draft.origins)
  return {
    type: draft.access,
    tags: separated(draft.tags, ','),
    cacheHttpResponses: draft.cacheHttpResponses,
    cors: origins.length > 0 ? { origins } : null,
    fallback: fallbackOf(draft.fallback),
    routing: routingOf(draft),
    customRouter: routerOf(draft.router),
    limits: limitsOf(draft.limits),
    experimentalFeatures: draft.experimentalFeatures ?? {},
    compute: { ...draft.instance, scaling: scalingOf(draft) },
    model: {
      repository: draft.repository.trim(),
      framework: draft.image.variant === 'llamacpp' ? 'llamacpp' : 'custom',
      revision: draft.revision.trim() || null,
      task: draft.task.trim() || null,
      image: imageOf(draft.image, engineSettings[draft.image.variant] ?? []),
      args: linesOf(draft.args),
      command: linesOf(draft.command),
      env: valuesOf(draft.env),
      secrets: secretsOf(draft.secrets),
      adapters: recordOf(
        draft.adapters.map(({ name, repository, revision }) => [
          name,
          { repository: repository.trim(), ...(revision.trim() !== '' && { revision: revision.trim() }) },
        ]),
      ),
    },
  }
}

/** The endpoint that the draft would make. What it says nothing of is left to Berth. */
export function endpointOf(
  draft: EndpointDraft,
  { name, provider }: Pick<Endpoint, 'name' | 'provider'>,
): Endpoint {
  const { compute, model, type, ...rest } = saidBy(draft)
  const { scaling, ...instance } = compute
  const { minReplica, maxReplica, scaleToZeroTimeout, ...scalingRest } = scaling
  return {
    name,
    type,
    provider,
    compute: {
      ...instance,
      scaling: { minReplica, maxReplica, scaleToZeroTimeout, ...withoutUnsaid(scalingRest) },
    },
    model: { ...withoutUnsaid(model), image: model.image },
    ...withoutUnsaid(rest),
  } as Endpoint
}

/**
 * The change from one draft to the next. What is the same is not sent, so two people who change different things do not
 * undo each other's.
 */
export function updateOf(before: EndpointDraft, after: EndpointDraft): EndpointUpdate {
  const was = saidBy(before)
  const { compute, model, ...rest } = saidBy(after)
  const { scaling, ...instance } = compute
  const changedScaling = changed(was.compute.scaling, scaling)
  const changedCompute = {
    ...changed(was.compute, instance),
    ...(Object.keys(changedScaling).length > 0 && { scaling: changedScaling }),
  }
  const { framework: _, ...changedModel } = changed(was.model, model)
  return {
    ...changed(was, rest),
    ...(Object.keys(changedCompute).length > 0 && { compute: changedCompute }),
    ...(Object.keys(changedModel).length > 0 && { model: changedModel }),
  } as EndpointUpdate
}

/** Why a draft cannot be sent yet: a copy asks for every secret again. */
export function refusalOf({ secrets }: EndpointDraft): string | undefined {
  const missing = secrets
    .filter(({ name, value, isNew }) => isNew && name.trim() !== '' && value === '')
    .map(({ name }) => name)
  if (missing.length === 0) return undefined
  return `Give a value for ${missing.join(' and ')}, or remove ${missing.length > 1 ? 'them' : 'it'}.`
}

function changed<Part extends object>(before: Partial<Record<keyof Part, unknown>>, after: Part) {
  const entries = Object.entries(after) as [keyof Part, unknown][]
  return Object.fromEntries(
    entries.filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(before[key])),
  ) as Partial<Part>
}

const withoutUnsaid = (part: object) =>
  Object.fromEntries(Object.entries(part).filter(([, one]) => says(one)))

const says = (value: unknown): boolean =>
  value !== null && value !== false && (typeof value !== 'object' || Object.keys(value).length > 0)

function scalingOf(draft: EndpointDraft) {
  return {
    minReplica: numberIn(draft.minReplica),
    maxReplica: numberIn(draft.maxReplica),
    scaleToZeroTimeout: draft.idle === 'never' ? null : numberIn(draft.idle),
    measure: measureOf(draft),
    schedules: draft.schedules.map(({ days, fromHour, toHour, minReplica, timeZone }) => ({
      days,
      fromHour: numberIn(fromHour),
      toHour: numberIn(toHour),
      minReplica: numberIn(minReplica),
      timeZone,
    })),
    maxCostPerHour: orNull(draft.maxCostPerHour),
    strict: draft.strict,
  }
}

function measureOf(draft: EndpointDraft): ScalingMeasure | null {
  switch (draft.measure) {
    case 'default':
      return null
    case 'pendingRequests':
      return { pendingRequests: orNull(draft.threshold) }
    case 'hardwareUsage':
      return { hardwareUsage: orNull(draft.threshold) }
    case 'slo': {
      const percent = numberIn(draft.attainmentPercent)
      return {
        slo: {
          firstTokenMs: numberIn(draft.firstTokenMs),
          firstTokenMsPerInputToken: numberIn(draft.firstTokenMsPerInputToken),
          interTokenMs: numberIn(draft.interTokenMs),
          attainment: typeof percent === 'number' ? Math.round(percent * 100) / 10_000 : percent,
        },
      }
    }
  }
}

function fallbackOf({ kind, endpoint, baseUrl, model, secret, on }: EndpointDraft['fallback']) {
  if (kind === 'none') return null
  return {
    ...(kind === 'endpoint' ? { endpoint } : { external: { baseUrl, model, secret } }),
    ...(on.length < FALLBACK_REASONS.length && { on }),
  }
}

function routingOf({ policy, requestsPerReplica }: EndpointDraft) {
  if (policy === '' && requestsPerReplica === '') return null
  return {
    ...(policy !== '' && { policy }),
    ...(requestsPerReplica !== '' && { requestsPerReplica: numberIn(requestsPerReplica) }),
  }
}

function routerOf({ tag, port, env }: EndpointDraft['router']) {
  if (tag.trim() === '') return null
  return {
    tag: tag.trim(),
    ...(port.trim() !== '' && { port: numberIn(port) }),
    ...(env.length > 0 && { env: valuesOf(env) }),
  }
}

function limitsOf(limits: EndpointDraft['limits']) {
  const said = LIMITS.filter((name) => limits[name].trim() !== '')
  return said.length === 0 ? null : Object.fromEntries(said.map((name) => [name, numberIn(limits[name])]))
}

/** Those that are given; null for one that is taken away. */
function secretsOf(secrets: EndpointDraft['secrets']): Readonly<Record<string, string | null>> {
  return recordOf(
    secrets
      .filter(({ value, isRemoved, isNew }) => (isRemoved ? !isNew : value !== ''))
      .map(({ name, value, isRemoved }) => [name, isRemoved ? null : value]),
  )
}

const orNull = (text: string): number | null => (text.trim() === '' ? null : numberIn(text))

const recordOf = <Value>(pairs: readonly (readonly [name: string, value: Value])[]) =>
  Object.fromEntries(
    pairs.filter(([name]) => name.trim() !== '').map(([name, value]) => [name.trim(), value] as const),
  )

const valuesOf = (variables: EndpointDraft['env']) =>
  recordOf(variables.map(({ name, value }) => [name, value]))

const separated = (text: string, mark: string): string[] =>
  text
    .split(mark)
    .map((part) => part.trim())
    .filter((part) => part !== '')

const linesOf = (text: string) => separated(text, '\n')
