/**
 * A container of the user's own: whatever it runs, if it listens on its port and answers its health route.
 *
 * Berth gives it the repository's files at `/repository`, read-only, and the user's environment. It sets no key:
 * what keeps others away from it is the runtime's network.
 */
import { PlatformError } from '../domain/errors.ts'
import { UNKNOWN_INTAKE } from '../domain/routing/intake.ts'
import { startDeadline } from './container-plan.ts'
import type { Engine } from './engine.ts'

/** What the managed service takes for an image that names no port. */
const DEFAULT_PORT = 80
const START_TIMEOUT_MS = 900_000
/** Nobody knows what it does at SIGTERM. */
const STOP_GRACE_MS = 30_000
const SHM_BYTES = 2 ** 30

export function createCustom(): Engine {
  return {
    name: 'custom',
    runtimes: ['container'],
    variants: ['custom'],
    capabilities: [],
    health: { route: '/health', startTimeoutMs: startDeadline(START_TIMEOUT_MS) },
    stopGraceMs: STOP_GRACE_MS,
    intake: () => UNKNOWN_INTAKE,
    vitals: () => undefined,

    refusal: () => undefined,
    resolve: ({ files }, image) => {
      const settings = image.custom ?? {}
      if (!settings.url) {
        throw refuse('url', 'model.image.custom.url is missing: name the container image to run.')
      }
      return { files: files.map((file) => file.path), image: { custom: settings } }
    },

    launch: ({ image, command, args, resources }) => {
      if (command.length === 0 && args.length > 0) {
        throw new PlatformError(
          'invalid',
          `model.args is given without model.command: Berth starts an image as it is, or with a whole command. Put the image's entrypoint and the arguments into model.command.`,
          { field: 'model.command' },
        )
      }
      return {
        // Empty: the image's own entrypoint and command.
        command: [...command, ...args],
        image: image.custom?.url,
        env: {},
        containerPort: image.custom?.port ?? DEFAULT_PORT,
        shmBytes: Math.min(SHM_BYTES, Math.floor(resources.memoryBytes / 2)),
        // Nobody knows what somebody else's program writes, and where.
        writableRoot: true,
      }
    },
  }
}

function refuse(setting: string, message: string): PlatformError {
  return new PlatformError('invalid', message, { field: `model.image.custom.${setting}` })
}
