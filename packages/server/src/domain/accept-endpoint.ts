/**
 * What becomes of an endpoint request when it is accepted: the rules that no single field can state, the words
 * that are replaced by newer ones, and what is refused because this installation does not do it.
 */
import type { Endpoint, EndpointUpdate, Image, Scaling, ScalingMeasure } from '@berth/contract'
import type { Artifact } from './artifact.ts'
import type { EndpointSpec } from './endpoint.ts'
import { PlatformError } from './errors.ts'
import type { InstanceType } from './instance-type.ts'

const refuse = (field: string, message: string) => new PlatformError('invalid', message, { field })

/** @throws PlatformError `invalid` for a feature that would otherwise be ignored in silence. */
export function refuseUnavailable(request: Endpoint | EndpointUpdate): void {
  const features = request.experimentalFeatures
  const asked: Record<string, unknown> = {
    privateService: request.privateService,
    network: request.network,
    route: request.route && Object.keys(request.route).length > 0,
    'experimentalFeatures.kvRouter': features?.kvRouter,
    'experimentalFeatures.mcpLb': features?.mcpLb,
  }
  for (const [field, value] of Object.entries(asked)) {
    if (value)
      throw refuse(field, `${field} is not available in this installation yet: leave it out, or send null.`)
  }
}

/** The scaling block with its older words replaced. @throws PlatformError `invalid` when the bounds contradict. */
export function acceptScaling({ metric, threshold, ...scaling }: Scaling): Scaling {
  const { minReplica, maxReplica, schedules = [], maxCostPerHour = null, strict = false } = scaling
  if (minReplica > maxReplica) {
    throw refuse(
      'compute.scaling.minReplica',
      `compute.scaling.minReplica is ${minReplica} and maxReplica is ${maxReplica}: the minimum cannot exceed the maximum.`,
    )
  }
  const tooWarm = schedules.findIndex((schedule) => schedule.minReplica > maxReplica)
  if (tooWarm !== -1) {
    throw refuse(
      `compute.scaling.schedules.${tooWarm}.minReplica`,
      `compute.scaling.schedules.${tooWarm}.minReplica is ${schedules[tooWarm]!.minReplica} and maxReplica is ${maxReplica}: a schedule cannot keep more warm than the maximum.`,
    )
  }
  const measure = scaling.measure ?? olderMeasure(metric, threshold)
  return {
    minReplica,
    maxReplica,
    scaleToZeroTimeout: scaling.scaleToZeroTimeout ?? null,
    ...(measure && { measure }),
    ...(schedules.length > 0 && { schedules }),
    ...(maxCostPerHour !== null && { maxCostPerHour }),
    ...(strict && { strict }),
  }
}

/** @throws PlatformError `invalid` for a ceiling that the smallest count is above, whatever the hardware's price. */
export function refuseUnaffordable(
  { minReplica, maxCostPerHour }: Scaling,
  { id, pricePerHour }: Pick<InstanceType, 'id' | 'pricePerHour'>,
): void {
  const least = Math.max(1, minReplica)
  if (maxCostPerHour === undefined || maxCostPerHour === null || least * pricePerHour <= maxCostPerHour)
    return
  throw refuse(
    'compute.scaling.maxCostPerHour',
    `compute.scaling.maxCostPerHour is ${maxCostPerHour}, and ${least} of ${id} cost ${least * pricePerHour} an hour: raise the ceiling, lower the minimum or choose smaller hardware.`,
  )
}

function olderMeasure(metric: Scaling['metric'], threshold: number | undefined): ScalingMeasure | undefined {
  if (metric === 'hardwareUsage') {
    if (threshold !== undefined && threshold > 100) {
      throw refuse(
        'compute.scaling.threshold',
        `compute.scaling.threshold is ${threshold}: hardware usage is a percentage, at most 100.`,
      )
    }
    return { hardwareUsage: threshold ?? null }
  }
  if (metric === 'pendingRequests') return { pendingRequests: threshold ?? null }
  return undefined
}

/** @throws PlatformError `invalid` for a command of somebody's own where nothing confines it. */
export function refuseBareCommand(command: readonly string[], runtime: string): void {
  if (command.length === 0 || runtime !== 'process') return
  throw refuse(
    'model.command',
    'model.command cannot be set here: without containers it would run any program with the rights of Berth itself. Choose an instance type of a container runtime, or leave it out.',
  )
}

/** Values that the environment of an engine may not be given, because Berth sets them. */
export function refuseReservedEnvironment(names: readonly string[], field: string): void {
  const reserved = names.find((name) => name.startsWith('BERTH_') || name === 'PATH' || name === 'LD_PRELOAD')
  if (!reserved) return
  throw refuse(
    `${field}.${reserved}`,
    `${field}.${reserved} cannot be set: Berth sets it, or it would change which program runs.`,
  )
}

/** An update applied to what is there: objects merge, `image`, `env`, `adapters`, `args`, `command`, `tags`, `routing`, `customRouter` and `limits` are replaced. */
export function mergeUpdate(spec: EndpointSpec, update: EndpointUpdate): EndpointSpec {
  const { compute = {}, model = {}, name, provider, ...top } = update
  refuseRename(spec, name, provider)
  const { scaling = {}, ...computeRest } = compute
  const { secrets: _secrets, fromCatalog: _fromCatalog, ...modelRest } = model
  const keptScaling = scaling.metric ? without(spec.compute.scaling, 'measure') : spec.compute.scaling
  const { id: _id, ...hardware } = spec.compute
  return {
    ...spec,
    ...defined(top),
    tags: top.tags ?? spec.tags,
    compute: {
      ...hardware,
      ...defined(computeRest),
      id: spec.compute.id,
      scaling: acceptScaling({ ...keptScaling, ...defined(scaling) } as Scaling),
    },
    model: { ...spec.model, ...defined(modelRest) },
  } as EndpointSpec
}

function refuseRename(
  spec: EndpointSpec,
  name: string | undefined,
  provider: EndpointUpdate['provider'],
): void {
  if (name !== undefined && name !== spec.name) {
    throw refuse(
      'name',
      `name cannot change: this endpoint is "${spec.name}". Create a new one to rename it.`,
    )
  }
  if (provider && (provider.vendor !== spec.provider.vendor || provider.region !== spec.provider.region)) {
    throw refuse('provider', 'provider cannot change. Create a new endpoint to run it elsewhere.')
  }
}

/**
 * What a replica would notice of a configuration, with what was chosen for it. Two specs with the same launch part are served by the same
 * replicas; anything else (scaling, access, tags) changes without a restart.
 */
export function launchPart(
  spec: EndpointSpec,
  resolved: { readonly image: Image; readonly artifact: Artifact },
): string {
  const { task: _task, image: _image, ...model } = spec.model
  const { accelerator, instanceType, instanceSize } = spec.compute
  const { image, artifact } = resolved
  return JSON.stringify([model, image, artifact, spec.provider, accelerator, instanceType, instanceSize])
}

function defined<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as Partial<T>
}

function without<T extends object, Key extends keyof T>(value: T, key: Key): Omit<T, Key> {
  const { [key]: _dropped, ...rest } = value
  return rest
}
