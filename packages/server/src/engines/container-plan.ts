/**
 * What every engine that lives in a container has in common: image, command, port, shared memory, start deadline.
 *
 * The command is always complete, so that a plan does not depend on the image's own entrypoint; the engine listens
 * where the placeholders say, and finds the model at `{model}`.
 */
import type { Image } from '@berth/contract'
import { PlatformError } from '../domain/errors.ts'
import type { Resources } from '../domain/instance-type.ts'
import type { LaunchPlan } from '../domain/launch-plan.ts'
import type { LaunchRequest } from './engine.ts'
import { type EngineImages, pinnedImage } from './images.ts'
import { reservedSetting } from './reserved-settings.ts'

/** A network disk on a bad day. A deadline is there to end a start that hangs, not one that is slow. */
const SLOWEST_LOAD_BYTES_PER_MS = 50_000

type ContainerEngine = {
  readonly engine: string
  readonly variant: keyof Image
  readonly images: EngineImages
  readonly port: number
}

/** An image's settings that every engine in a container shares. */
type BaseSettings = { readonly url?: string | undefined; readonly port?: number | undefined }

/**
 * The plan for `request`: the engine's own command with the user's arguments after it, or the user's command alone.
 *
 * @throws PlatformError `invalid` for reserved arguments, and where the makers publish no image for the hardware.
 */
export function containerPlan(
  { engine, variant, images, port }: ContainerEngine,
  request: LaunchRequest,
  own: {
    readonly command: readonly string[]
    readonly env: Readonly<Record<string, string>>
    readonly shmBytes?: number
    /** The command is one of the machine itself, and needs no image. */
    readonly isProgram?: boolean
  },
): LaunchPlan {
  refuseReservedArgs(engine, request)
  const settings = (request.image[variant] ?? {}) as BaseSettings
  const { command, args, resources } = request
  return {
    command: [...(command.length > 0 ? command : own.command), ...args],
    image: own.isProgram
      ? undefined
      : (settings.url ?? pinnedImage(images, resources) ?? refuseHardware(variant, resources)),
    env: own.env,
    containerPort: settings.port ?? port,
    shmBytes: Math.min(own.shmBytes ?? 0, Math.floor(resources.memoryBytes / 2)),
  }
}

/** @throws PlatformError `invalid` that names the argument and what to use instead. */
export function refuseReservedArgs(engine: string, { args, command }: LaunchRequest): void {
  const problem = reservedSetting(engine, { env: [], args, command })
  if (problem) throw new PlatformError('invalid', problem.message, { field: problem.field })
}

function refuseHardware(variant: keyof Image, { gpus }: Resources): never {
  throw new PlatformError(
    'invalid',
    `The engine "${variant}" has no image for an instance ${gpus > 0 ? 'with a GPU' : 'without a GPU'}. Choose ${gpus > 0 ? 'a CPU' : 'a GPU'} instance, or name an image that was built for it in model.image.${variant}.url.`,
    { field: 'compute.instanceType', reason: 'engine_not_for_hardware' },
  )
}

/** How long a start may take: what the engine needs in any case, and the weights at the speed of a slow disk. */
export function startDeadline(baseMs: number): (weightBytes: number) => number {
  return (weightBytes) => baseMs + Math.ceil(weightBytes / SLOWEST_LOAD_BYTES_PER_MS)
}

/** `flag value`, or nothing when the value was left to the engine. */
export function option(flag: string, value: string | number | null | undefined): string[] {
  return value === undefined || value === null ? [] : [flag, String(value)]
}
