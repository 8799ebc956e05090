/**
 * What the form holds, as it is typed, and the endpoint that it means. Pure.
 *
 * Numbers stay texts until they are sent: what is half typed is nobody's mistake yet, and what cannot be understood
 * is sent as it is, so that the refusal names it.
 */
import type { Endpoint, Image, ImageVariant } from '@berth/contract'
import type { SettingField } from './engine-settings.data.ts'

export type Variable = { readonly id: number; readonly name: string; readonly value: string }

export type Measure = 'default' | 'hardwareUsage' | 'pendingRequests'

export type EndpointForm = {
  readonly name: string
  readonly repository: string
  readonly revision: string
  readonly task: string
  readonly variant: ImageVariant
  /** By the setting's name; empty is the engine's own choice. */
  readonly settings: Readonly<Record<string, string>>
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
}

export type Instance = Pick<
  EndpointForm,
  'vendor' | 'region' | 'accelerator' | 'instanceType' | 'instanceSize'
>

/** The form as Berth recommends it. */
export function formFrom(endpoint: Endpoint): EndpointForm {
  const { name, type, provider, compute, model, tags = [] } = endpoint
  const [variant, settings] = Object.entries(model.image)[0] as [ImageVariant, Record<string, unknown>]
  const { minReplica, maxReplica, scaleToZeroTimeout } = compute.scaling
  return {
    name,
    repository: model.repository,
    revision: model.revision ?? '',
    task: model.task ?? '',
    variant,
    settings: Object.fromEntries(
      Object.entries(settings)
        .filter(([, value]) => value !== null && typeof value !== 'object')
        .map(([key, value]) => [key, String(value)]),
    ),
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
    measure: 'default',
    threshold: '',
    env: variablesFrom(model.env ?? {}),
    secrets: [],
    tags: tags.join(', '),
    args: (model.args ?? []).join('\n'),
    command: (model.command ?? []).join('\n'),
  }
}

const variablesFrom = (record: Readonly<Record<string, string>>): readonly Variable[] =>
  Object.entries(record).map(([name, value], id) => ({ id, name, value }))

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
  const settings = Object.entries(form.settings).flatMap(([name, text]) => {
    const field = fields.find((one) => one.name === name)
    return field && text !== '' ? [[name, settingValue(field, text)] as const] : []
  })
  const env = recordOf(form.env)
  const secrets = recordOf(form.secrets)
  const tags = form.tags
    .split(',')
    .map((tag) => tag.trim())
    .filter(Boolean)
  const args = lines(form.args)
  const command = lines(form.command)
  return {
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
        ...measureOf(form),
      },
    },
    model: {
      repository: form.repository,
      framework: form.variant === 'llamacpp' ? 'llamacpp' : 'custom',
      image: { [form.variant]: Object.fromEntries(settings) } as Image,
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
  if (measure === 'default') return {}
  const value = threshold === '' ? null : numberIn(threshold)
  return { measure: measure === 'hardwareUsage' ? { hardwareUsage: value } : { pendingRequests: value } }
}

function settingValue(field: SettingField, text: string): unknown {
  if (field.kind === 'number') return numberIn(text)
  return field.kind === 'boolean' ? text === 'true' : text
}

/** What is no number goes on as the text that it is; the server says so, and where. */
function numberIn(text: string): number {
  const value = Number(text)
  return (text.trim() === '' || Number.isNaN(value) ? text : value) as number
}

const recordOf = (variables: readonly Variable[]): Record<string, string> =>
  Object.fromEntries(variables.filter(({ name }) => name !== '').map(({ name, value }) => [name, value]))

const lines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
