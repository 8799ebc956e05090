/** From a request to the spec that is kept: defaults filled in, secrets reduced to their names, settings held against the engine. */
import type { Endpoint } from '@berth/contract'
import { acceptScaling } from '../domain/accept-endpoint.ts'
import type { EndpointSpec } from '../domain/endpoint.ts'
import { PlatformError } from '../domain/errors.ts'
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
    model: { ...spec.model, revision: artifact.revision },
  }
}

export function withSecretNames(spec: EndpointSpec, secrets: Secrets): EndpointSpec {
  const names = new Set(spec.model.secretNames)
  for (const [name, value] of Object.entries(secrets)) {
    if (value === null) names.delete(name)
    else names.add(name)
  }
  return { ...spec, model: { ...spec.model, secretNames: [...names].toSorted() } }
}

/** @throws PlatformError `invalid` for what would change which program runs, or what the engine keeps for itself. */
export function refuseSettings(
  rooms: ControlRooms,
  engine: string,
  { model }: EndpointSpec,
  secrets: Secrets,
): void {
  if (model.command.length > 0 && rooms.driver.name === 'process') {
    throw new PlatformError(
      'invalid',
      'model.command cannot be set here: without containers it would run any program with the rights of Berth itself.',
      { field: 'model.command' },
    )
  }
  const env = [...Object.keys(model.env), ...Object.keys(secrets), ...model.secretNames]
  const problem = rooms.reservedSetting(engine, { env, args: model.args, command: model.command })
  if (problem) throw new PlatformError('invalid', problem.message, { field: problem.field })
}

export function tokenIn(secrets: Secrets, env: Readonly<Record<string, string>>): string | undefined {
  return secrets['HF_TOKEN'] ?? env['HF_TOKEN']
}
