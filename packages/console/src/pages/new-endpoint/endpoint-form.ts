/** What the form holds, as it is typed, and the endpoint that it means. Pure. */
import type { Endpoint, EndpointWithStatus } from '@berth/contract'
import type { SettingField } from '../../engine/engine-settings.data.ts'
import { type ImageForm, imageFormOf, imageOf, numberIn } from '../../engine/image-form.ts'

export type Variable = { readonly id: number; readonly name: string; readonly value: string }

/** `kept`: one that the form has no fields for, as the endpoint has it of which this is a copy. */
export type Measure = 'default' | 'hardwareUsage' | 'pendingRequests' | 'kept'

/** What the form has no field for. */
type Kept = Partial<
  Pick<Endpoint, 'cacheHttpResponses' | 'cors' | 'fallback' | 'routing' | 'limits' | 'experimentalFeatures'>
> & { readonly scaling: Partial<Pick<Scaling, 'measure' | 'schedules' | 'maxCostPerHour' | 'strict'>> }
type Scaling = Endpoint['compute']['scaling']

export type EndpointForm = ImageForm & {
  readonly name: string
  readonly repository: string
  readonly revision: string
  readonly task: string
  readonly vendor: string
  readonly region: string
  readonly accelerator: Endpoint['compute']['accelerator']
  readonly instanceType: string
  readonly instanceSize: string
  readonly access: Endpoint['type']
  readonly minReplica: string
  readonly maxReplica: string
  /** Idle minutes, or `never`. */
  readonly idle: string
  readonly measure: Measure
  readonly threshold: string
  readonly env: readonly Variable[]
  readonly secrets: readonly Variable[]
  /** Separated by commas. */
  readonly tags: string
  /** One a line. */
  readonly args: string
  readonly command: string
  readonly kept: Kept
}

export type Instance = Pick<
  EndpointForm,
  'vendor' | 'region' | 'accelerator' | 'instanceType' | 'instanceSize'
>

/** The form that means this endpoint, but for its secrets. */
export function formFrom(endpoint: Endpoint): EndpointForm {
  const { name, type, provider, compute, model, tags = [] } = endpoint
  const { minReplica, maxReplica, scaleToZeroTimeout } = compute.scaling
  return {
    ...imageFormOf(model.image),
    ...measureIn(compute.scaling),
    kept: keptOf(endpoint),
    name,
    repository: model.repository,
    revision: model.revision ?? '',
    task: model.task ?? '',
    vendor: provider.vendor,
    region: provider.region,
    accelerator: compute.accelerator,
    instanceType: compute.instanceType,
    instanceSize: compute.instanceSize,
    access: type,
    minReplica: String(minReplica),
    maxReplica: String(maxReplica),
    idle:
      scaleToZeroTimeout === null || scaleToZeroTimeout === undefined ? 'never' : String(scaleToZeroTimeout),
    env: variablesFrom(model.env ?? {}),
    secrets: [],
    tags: tags.join(', '),
    args: (model.args ?? []).join('\n'),
    command: (model.command ?? []).join('\n'),
  }
}

function measureIn({ measure }: Scaling): Pick<EndpointForm, 'measure' | 'threshold'> {
  if (!measure) return { measure: 'default', threshold: '' }
  if ('slo' in measure) return { measure: 'kept', threshold: '' }
  const [kind, threshold] = Object.entries(measure)[0] as ['hardwareUsage' | 'pendingRequests', number | null]
  return { measure: kind, threshold: threshold === null ? '' : String(threshold) }
}

function keptOf({
  compute,
  cacheHttpResponses,
  cors,
  fallback,
  routing,
  limits,
  experimentalFeatures,
}: Endpoint): Kept {
  const { measure, schedules, maxCostPerHour, strict } = compute.scaling
  return {
    ...(cacheHttpResponses && { cacheHttpResponses }),
    ...(cors && { cors }),
    ...(fallback && { fallback }),
    ...(routing && { routing }),
    ...(limits && { limits }),
    ...(experimentalFeatures && Object.keys(experimentalFeatures).length > 0 && { experimentalFeatures }),
    scaling: {
      ...(measure && 'slo' in measure && { measure }),
      ...(schedules && { schedules }),
      ...(maxCostPerHour && { maxCostPerHour }),
      ...(strict && { strict }),
    },
  }
}

const variablesFrom = (record: Readonly<Record<string, string>>): readonly Variable[] =>
  Object.entries(record).map(([name, value], id) => ({ id, name, value }))

/**
 * A form for another endpoint like this one, under a name of its own. Secrets are never read back: they are asked for
 * again.
 */
export function copyOf(original: EndpointWithStatus): EndpointForm {
  const names = Object.keys(original.model.secrets)
  return {
    ...formFrom(original),
    name: `${original.name.slice(0, MAX_NAME_LENGTH - COPY.length).replace(/-+$/, '')}${COPY}`,
    secrets: variablesFrom(Object.fromEntries(names.map((name) => [name, '']))),
  }
}
const COPY = '-copy'

/** Why the form cannot be sent yet. */
export function refusalOf({ secrets }: EndpointForm): string | undefined {
  const missing = secrets
    .filter(({ name, value }) => name.trim() !== '' && value === '')
    .map(({ name }) => name)
  if (missing.length === 0) return undefined
  return `Give a value for ${missing.join(' and ')}, or remove ${missing.length > 1 ? 'them' : 'it'}.`
}

/** A form for a model that Berth knows nothing about: the engine is left to it. */
export function blankForm(repository: string, instance: Instance): EndpointForm {
  return {
    ...formFrom({
      name: nameFor(repository),
      type: 'private',
      provider: { vendor: instance.vendor, region: instance.region },
      compute: {
        accelerator: instance.accelerator,
        instanceType: instance.instanceType,
        instanceSize: instance.instanceSize,
        scaling: { minReplica: 0, maxReplica: 1, scaleToZeroTimeout: 15 },
      },
      model: { repository, framework: 'custom', image: { huggingface: {} } },
    }),
  }
}

const MAX_NAME_LENGTH = 32

/** `org/Qwen2.5-0.5B-Instruct-GGUF` → `qwen2-5-0-5b-instruct`, as the command line does it. */
export function nameFor(repository: string): string {
  const last = repository.split('/').findLast((part) => part !== '') ?? ''
  return last
    .toLowerCase()
    .replace(/[-_.]gguf$/, '')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_NAME_LENGTH)
    .replace(/^-+|-+$/g, '')
}

export function endpointFrom(form: EndpointForm, fields: readonly SettingField[]): Endpoint {
  const env = recordOf(form.env)
  const secrets = recordOf(form.secrets)
  const tags = form.tags
    .split(',')
    .map((tag) => tag.trim())
    .filter(Boolean)
  const args = lines(form.args)
  const command = lines(form.command)
  const { scaling: keptScaling, ...kept } = form.kept
  const { measure: keptMeasure, ...scaling } = keptScaling
  return {
    ...kept,
    name: form.name,
    type: form.access,
    provider: { vendor: form.vendor, region: form.region },
    compute: {
      accelerator: form.accelerator,
      instanceType: form.instanceType,
      instanceSize: form.instanceSize,
      scaling: {
        minReplica: numberIn(form.minReplica),
        maxReplica: numberIn(form.maxReplica),
        scaleToZeroTimeout: form.idle === 'never' ? null : numberIn(form.idle),
        ...scaling,
        ...(form.measure === 'kept' ? { measure: keptMeasure } : measureOf(form)),
      },
    },
    model: {
      repository: form.repository,
      framework: form.variant === 'llamacpp' ? 'llamacpp' : 'custom',
      image: imageOf(form, fields),
      ...(form.revision !== '' && { revision: form.revision }),
      ...(form.task !== '' && { task: form.task }),
      ...(args.length > 0 && { args }),
      ...(command.length > 0 && { command }),
      ...(Object.keys(env).length > 0 && { env }),
      ...(Object.keys(secrets).length > 0 && { secrets }),
    },
    ...(tags.length > 0 && { tags }),
  }
}

function measureOf({ measure, threshold }: EndpointForm) {
  if (measure === 'default' || measure === 'kept') return {}
  const value = threshold === '' ? null : numberIn(threshold)
  return { measure: measure === 'hardwareUsage' ? { hardwareUsage: value } : { pendingRequests: value } }
}

const recordOf = (variables: readonly Variable[]): Record<string, string> =>
  Object.fromEntries(variables.filter(({ name }) => name !== '').map(({ name, value }) => [name, value]))

const lines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
