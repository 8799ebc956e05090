/** From a request to the spec that is kept: defaults filled in, secrets reduced to their names, settings held against the engine. */
import type { Endpoint } from '@berth/contract'
import { acceptScaling, refuseBareCommand } from '../domain/accept-endpoint.ts'
import type { EndpointSpec } from '../domain/endpoint.ts'
import { PlatformError } from '../domain/errors.ts'
import type { InstanceType } from '../domain/instance-type.ts'
import type { ResolvedModel } from './resolve-model.ts'
import type { ControlRooms } from './rooms.ts'

/** By name; null deletes. */
export type Secrets = Readonly<Record<string, string | null>>

export function specOf(request: Endpoint): EndpointSpec {
  const { secrets = {}, fromCatalog: _fromCatalog, ...model } = request.model
  return {
    ...request,
    tags: request.tags ?? [],
    compute: { ...request.compute, id: '', scaling: acceptScaling(request.compute.scaling) },
    model: {
      ...model,
      revision: model.revision ?? null,
      task: model.task ?? null,
      args: model.args ?? [],
      command: model.command ?? [],
      // Older clients write the variables inside the image.
      env: { ...request.model.image.huggingface?.env, ...model.env },
      secretNames: Object.keys(secrets).toSorted(),
    },
  }
}

export function withResolved(
  spec: EndpointSpec,
  { artifact }: Pick<ResolvedModel, 'artifact'>,
  instanceId: string,
): EndpointSpec {
  return {
    ...spec,
    compute: { ...spec.compute, id: instanceId },
    model: { ...spec.model, revision: artifact.revision, ...pinned(artifact) },
  }
}

function pinned({ adapters }: ResolvedModel['artifact']): Pick<EndpointSpec['model'], 'adapters'> {
  if (!adapters) return {}
  const entries = adapters.map(({ name, artifact: { repository, revision } }) => [
    name,
    { repository, revision },
  ])
  return { adapters: Object.fromEntries(entries) }
}

export function withSecretNames(spec: EndpointSpec, secrets: Secrets): EndpointSpec {
  const names = new Set(spec.model.secretNames)
  for (const [name, value] of Object.entries(secrets)) {
    if (value === null) names.delete(name)
    else names.add(name)
  }
  return { ...spec, model: { ...spec.model, secretNames: [...names].toSorted() } }
}

/**
 * @throws PlatformError `invalid` for what would change which program runs, what the engine keeps for itself, and an
 *   engine that the hardware's runtime does not have.
 */
export function refuseSettings(
  rooms: ControlRooms,
  engine: string,
  { model }: EndpointSpec,
  secrets: Secrets,
  { id, runtime }: Pick<InstanceType, 'id' | 'runtime'>,
): void {
  refuseBareCommand(model.command, runtime ?? rooms.driver.name)
  if (!rooms.engine(engine, runtime)) {
    throw new PlatformError(
      'invalid',
      `The engine "${engine}" does not run on ${id}${runtime ? `, whose runtime is "${runtime}"` : ''}. Choose an instance type of another runtime: see \`berth hardware\`.`,
      { field: 'compute.instanceType', reason: 'engine_not_installed' },
    )
  }
  const env = [...Object.keys(model.env), ...Object.keys(secrets), ...model.secretNames]
  const problem = rooms.reservedSetting(engine, { env, args: model.args, command: model.command })
  if (problem) throw new PlatformError('invalid', problem.message, { field: problem.field })
}

export function tokenIn(secrets: Secrets, env: Readonly<Record<string, string>>): string | undefined {
  return secrets['HF_TOKEN'] ?? env['HF_TOKEN']
}
