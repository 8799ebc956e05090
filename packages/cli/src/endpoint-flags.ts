/**
 * From the flags of `deploy` and `update` to what the API is sent. Pure: every combination is a row in the test.
 */
import path from 'node:path'
import {
  type ComputeOffer,
  type Endpoint,
  type EndpointUpdate,
  type EndpointWithStatus,
  type Image,
  type ImageVariant,
  imageVariants,
  RoutingPolicy,
  type RoutingSettings,
  type VendorList,
  variantOf,
} from '@berth/contract'
import { type AdapterFlags, adaptersFrom } from './adapter-flags.ts'
import { usageError } from './exit.ts'
import { assignments, count } from './flag-values.ts'
import { hasLimitFlag, type LimitFlags, limitsFrom } from './limit-flags.ts'
import { type RouterFlags, routerFrom } from './router-flags.ts'
import { type ScalingFlags, scalingFrom } from './scaling-flags.ts'
import type { Environment } from './serve-settings.ts'
import { type ServingFlags, servingFrom } from './serving-flags.ts'

export type EndpointFlags = LimitFlags &
  AdapterFlags &
  RouterFlags &
  ScalingFlags &
  ServingFlags & {
    readonly engine?: string
    readonly file?: string
    readonly min?: string
    readonly max?: string
    readonly idle?: string
    readonly instance?: string
    readonly access?: string
    readonly env?: readonly string[]
    readonly secret?: readonly string[]
    readonly ctx?: string
    readonly parallel?: string
    readonly arg?: readonly string[]
    readonly tag?: readonly string[]
    readonly routing?: string
    readonly requestsPerReplica?: string
    readonly set?: readonly string[]
    readonly revision?: string
    readonly task?: string
  }
export type UpdateFlags = EndpointFlags & {
  readonly model?: string
  readonly unsetEnv?: readonly string[]
  readonly unsetSecret?: readonly string[]
}

export type Hardware = {
  readonly provider: Endpoint['provider']
  readonly compute: Pick<Endpoint['compute'], 'id' | 'accelerator' | 'instanceType' | 'instanceSize'>
}

const DEFAULT_IDLE_MINUTES = 15
const MAX_NAME_LENGTH = 32

export type DeployRequest = {
  readonly model: string
  readonly name: string | undefined
  readonly flags: EndpointFlags
  readonly hardware: Hardware
  readonly env: Environment
  readonly workingDirectory: string
}

/** @throws CommandError for a flag that cannot be understood. */
export function endpointFrom({
  model,
  name,
  flags,
  hardware,
  env,
  workingDirectory,
}: DeployRequest): Endpoint {
  const source = modelSource(model, workingDirectory)
  const image = imageFrom({ ...(source.file ? { file: source.file } : {}), ...flags }, undefined) ?? {
    huggingface: {},
  }
  const minReplica = count('--min', flags.min) ?? 0
  const adapters = adaptersFrom(flags, {}, workingDirectory)
  return {
    name: name ?? nameFor(source),
    type: accessFrom(flags.access) ?? 'private',
    provider: hardware.provider,
    compute: {
      ...hardware.compute,
      scaling: {
        minReplica,
        maxReplica: count('--max', flags.max) ?? Math.max(1, minReplica),
        scaleToZeroTimeout: flags.idle === undefined ? DEFAULT_IDLE_MINUTES : idleMinutes(flags.idle),
        ...scalingFrom(flags),
      },
    },
    model: {
      repository: source.repository,
      framework: frameworkOf(image),
      image,
      ...(flags.revision ? { revision: flags.revision } : {}),
      ...(flags.task ? { task: flags.task } : {}),
      ...(adapters ? { adapters } : {}),
      ...(flags.arg ? { args: [...flags.arg] } : {}),
      ...(flags.env ? { env: assignments('--env', flags.env) } : {}),
      ...(flags.secret ? { secrets: secretsFrom(flags.secret, env) } : {}),
    },
    ...(flags.tag ? { tags: [...flags.tag] } : {}),
    ...sharingFrom(flags, undefined),
    ...routerFrom(flags, undefined),
    ...servingFrom(flags),
  }
}

export type UpdateRequest = {
  readonly flags: UpdateFlags
  readonly current: EndpointWithStatus
  /** Looked up only if `--instance` was given. */
  readonly hardware: Hardware | undefined
  readonly env: Environment
  readonly workingDirectory: string
}

/** Only what the flags name; what the API replaces as a whole is merged with what is there. */
export function updateFrom({
  flags,
  current,
  hardware,
  env,
  workingDirectory,
}: UpdateRequest): EndpointUpdate {
  const source = flags.model === undefined ? undefined : modelSource(flags.model, workingDirectory)
  const image = imageFrom({ ...(source?.file ? { file: source.file } : {}), ...flags }, current.model.image)
  const scaling = {
    ...(flags.min === undefined ? {} : { minReplica: count('--min', flags.min)! }),
    ...(flags.max === undefined ? {} : { maxReplica: count('--max', flags.max)! }),
    ...(flags.idle === undefined ? {} : { scaleToZeroTimeout: idleMinutes(flags.idle) }),
    ...scalingFrom(flags),
  }
  const adapters = adaptersFrom(flags, current.model.adapters ?? {}, workingDirectory)
  const compute = { ...hardware?.compute, ...(isEmpty(scaling) ? {} : { scaling }) }
  const model = {
    ...(source ? { repository: source.repository, revision: flags.revision ?? null } : {}),
    ...(flags.revision ? { revision: flags.revision } : {}),
    ...(flags.task ? { task: flags.task } : {}),
    ...(image ? { image, framework: frameworkOf(image) } : {}),
    ...(adapters ? { adapters } : {}),
    ...(flags.arg ? { args: [...flags.arg] } : {}),
    ...(flags.env || flags.unsetEnv ? { env: mergedEnv(flags, current.model.env) } : {}),
    ...(flags.secret || flags.unsetSecret
      ? {
          secrets: {
            ...secretsFrom(flags.secret ?? [], env),
            ...Object.fromEntries((flags.unsetSecret ?? []).map((key) => [key, null])),
          },
        }
      : {}),
  }
  const access = accessFrom(flags.access)
  const update: EndpointUpdate = {
    ...(access ? { type: access } : {}),
    ...(isEmpty(compute) ? {} : { compute }),
    ...(isEmpty(model) ? {} : { model }),
    ...(flags.tag ? { tags: [...flags.tag] } : {}),
    ...sharingFrom(flags, current),
    ...routerFrom(flags, current.customRouter),
    ...servingFrom(flags),
  }
  if (isEmpty(update))
    throw usageError('Nothing to change: name at least one flag, see `berth update --help`.')
  return update
}

/** The smallest CPU of this machine, or what `--instance` names as `type/size` or by its id. */
export function chooseHardware(vendors: VendorList, wanted: string | undefined): Hardware {
  const offers = vendors.vendors.flatMap((vendor) =>
    vendor.regions.flatMap((region) =>
      region.computes.map((offer) => ({ offer, provider: { vendor: vendor.name, region: region.name } })),
    ),
  )
  const found =
    wanted === undefined ? smallestCpu(offers) : offers.find(({ offer }) => isNamed(offer, wanted))
  if (!found)
    throw usageError(
      noHardware(
        offers.map(({ offer }) => offer),
        wanted,
      ),
    )
  const { id, accelerator, instanceType, instanceSize } = found.offer
  return { provider: found.provider, compute: { id, accelerator, instanceType, instanceSize } }
}

type Offer = { readonly offer: ComputeOffer; readonly provider: Endpoint['provider'] }

function smallestCpu(offers: readonly Offer[]): Offer | undefined {
  const rank = ({ offer, provider }: Offer) =>
    (offer.status === 'available' ? 0 : 2) +
    (provider.vendor === 'local' && provider.region === 'default' ? 0 : 1)
  return offers
    .filter(({ offer }) => offer.accelerator === 'cpu')
    .toSorted((a, b) => rank(a) - rank(b) || a.offer.memoryGb - b.offer.memoryGb)[0]
}

const isNamed = (offer: ComputeOffer, wanted: string) =>
  offer.id === wanted || `${offer.instanceType}/${offer.instanceSize}` === wanted

function noHardware(offers: readonly ComputeOffer[], wanted: string | undefined): string {
  const names = offers.map((offer) => `${offer.instanceType}/${offer.instanceSize}`).join(', ')
  if (wanted === undefined)
    return `This installation offers no CPU: choose one of ${names || 'nothing'} with --instance.`
  return `There is no instance "${wanted}" (--instance): this installation offers ${names || 'nothing'}.`
}

type ModelSource = { readonly repository: string; readonly file?: string; readonly basename: string }

/** A path on this machine becomes `file:/absolute`; a GGUF file becomes its directory and `--file`. */
export function modelSource(model: string, workingDirectory: string): ModelSource {
  const isPath = /^(file:|\/|\.{1,2}(\/|$)|~\/)/.test(model)
  if (!isPath) return { repository: model, basename: model.split('/').at(-1) ?? model }
  const home = process.env['HOME'] ?? ''
  const absolute = path.resolve(
    workingDirectory,
    model.replace(/^file:(\/\/)?/, '').replace(/^~\//, `${home}/`),
  )
  const basename = path.basename(absolute)
  if (!/\.gguf$/i.test(absolute)) return { repository: `file:${absolute}`, basename }
  return {
    repository: `file:${path.dirname(absolute)}`,
    file: basename,
    basename: basename.replace(/\.gguf$/i, ''),
  }
}

/** `org/Qwen2.5-0.5B-Instruct-GGUF` → `qwen2-5-0-5b-instruct`. */
export function nameFor({ basename }: Pick<ModelSource, 'basename'>): string {
  const name = basename
    .toLowerCase()
    .replace(/[-_.]gguf$/, '')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_NAME_LENGTH)
    .replace(/^-+|-+$/g, '')
  if (!name) throw usageError(`No name can be made from "${basename}": choose one with --name.`)
  return name
}

/** Minutes, or `30s`, `10m`, `2h`, `never`. */
export function idleMinutes(text: string): number | null {
  if (text === 'never') return null
  const match = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(text)
  if (!match) throw usageError(`--idle is "${text}": write minutes, or 30s, 10m, 2h, never.`)
  return Number(match[1]) * { s: 1 / 60, m: 1, h: 60 }[(match[2] ?? 'm') as 's' | 'm' | 'h']
}

/** The engine variant with its settings; undefined if no flag speaks of it. */
function imageFrom(flags: EndpointFlags, current: Image | undefined): Image | undefined {
  const settings = settingsFrom(flags)
  const inUse = current && variantOf(current)
  const variant =
    flags.engine === undefined ? (inUse?.name ?? variantMeant(settings)) : engineVariant(flags.engine)
  if (current && flags.engine === undefined && settings.length === 0) return undefined
  const named = settings.map(([flag, value]) => [settingName(flag, variant), value] as const)
  const kept = inUse?.name === variant ? inUse.settings : {}
  return { [variant]: { ...kept, ...Object.fromEntries(named) } } as Image
}

type FlaggedSetting = readonly [flag: string, value: unknown]

function settingsFrom(flags: EndpointFlags): FlaggedSetting[] {
  const settings: FlaggedSetting[] = []
  if (flags.file !== undefined)
    settings.push([/\.gguf$/i.test(flags.file) && !flags.file.includes('*') ? 'file' : 'variant', flags.file])
  if (flags.ctx !== undefined) settings.push(['ctx', count('--ctx', flags.ctx)])
  if (flags.parallel !== undefined) settings.push(['parallel', count('--parallel', flags.parallel)])
  for (const [key, text] of Object.entries(assignments('--set', flags.set ?? []))) {
    settings.push([`set ${key}`, jsonOrText(text)])
  }
  return settings
}

/** A setting that only llama.cpp has means llama.cpp; without one, Berth chooses the engine. */
const variantMeant = (settings: readonly FlaggedSetting[]): ImageVariant =>
  settings.length > 0 ? 'llamacpp' : 'huggingface'

const SETTING_NAMES: Readonly<Record<string, Partial<Record<ImageVariant, string>>>> = {
  file: { llamacpp: 'modelPath' },
  variant: { llamacpp: 'variant' },
  ctx: { llamacpp: 'ctxSize' },
  parallel: { llamacpp: 'nParallel', echo: 'parallel', vLLM: 'maxNumSeqs', sGLang: 'maxRunningRequests' },
}

function settingName(flag: string, variant: ImageVariant): string {
  if (flag.startsWith('set ')) return flag.slice(4)
  const name = SETTING_NAMES[flag]?.[variant]
  if (name) return name
  const shown = flag === 'variant' ? 'file' : flag
  throw usageError(
    `--${shown} does not go with the engine ${variant}: leave it out, or choose --engine llamacpp.`,
  )
}

/** The variant that a name means, as `--engine` has it. */
export function engineVariant(engine: string): ImageVariant {
  if (engine === 'auto') return 'huggingface'
  const variant = imageVariants.find((name) => name.toLowerCase() === engine.toLowerCase())
  if (!variant) throw usageError(`--engine is "${engine}": choose one of auto, ${imageVariants.join(', ')}.`)
  return variant
}

const frameworkOf = (image: Image) => (variantOf(image).name === 'llamacpp' ? 'llamacpp' : 'custom')

function mergedEnv(flags: UpdateFlags, current: Readonly<Record<string, string>>): Record<string, string> {
  const merged = { ...current, ...assignments('--env', flags.env ?? []) }
  for (const key of flags.unsetEnv ?? []) delete merged[key]
  return merged
}

/** `KEY=VALUE`, or `KEY` for the value of that environment variable, which stays out of the shell's history. */
function secretsFrom(texts: readonly string[], env: Environment): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf('=')
      if (at > 0) return [text.slice(0, at), text.slice(at + 1)]
      const value = env[text]
      if (at === 0 || value === undefined) {
        throw usageError(
          `--secret ${text}: there is no such environment variable; set it, or write ${text}=VALUE.`,
        )
      }
      return [text, value]
    }),
  )
}

function accessFrom(text: string | undefined): Endpoint['type'] | undefined {
  if (text === undefined) return undefined
  const access = text === 'protected' ? 'private' : text
  if (access === 'public' || access === 'authenticated' || access === 'private') return access
  throw usageError(`--access is "${text}": choose one of public, authenticated, private.`)
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** How requests are spread, and how many there may be: replaced as wholes by the API, so merged here. */
function sharingFrom(
  flags: EndpointFlags,
  current: Pick<EndpointWithStatus, 'routing' | 'limits'> | undefined,
): Pick<EndpointUpdate, 'routing' | 'limits'> {
  const { routing, requestsPerReplica } = flags
  const asksForRouting = routing !== undefined || requestsPerReplica !== undefined
  return {
    ...(asksForRouting ? { routing: { ...current?.routing, ...routingFrom(flags) } } : {}),
    ...(hasLimitFlag(flags) ? { limits: limitsFrom(flags, current?.limits ?? {}) } : {}),
  }
}

function routingFrom({ routing, requestsPerReplica }: EndpointFlags): NonNullable<RoutingSettings> {
  const policy = RoutingPolicy.safeParse(routing)
  if (routing !== undefined && routing !== 'auto' && !policy.success) {
    throw usageError(`--routing is "${routing}": choose one of auto, ${RoutingPolicy.options.join(', ')}.`)
  }
  return {
    ...(routing === undefined ? {} : { policy: policy.data ?? null }),
    ...(requestsPerReplica === undefined
      ? {}
      : {
          requestsPerReplica:
            requestsPerReplica === 'auto'
              ? null
              : (count('--requests-per-replica', requestsPerReplica) ?? null),
        }),
  }
}

const isEmpty = (value: object) => Object.keys(value).length === 0
