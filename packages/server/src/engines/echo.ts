/**
 * The rehearsal engine: answers with the prompt, and misbehaves as told. It needs no model files.
 *
 * It is a real program with real HTTP behaviour (`echo/echo-main.ts`), so what holds for it through a runtime and
 * a gateway holds for any engine. A `startMs` beyond the start timeout rehearses a start that times out.
 */
import { createRequire } from 'node:module'
import type { EchoImage } from '@berth/contract'
import { PlatformError } from '../domain/errors.ts'
import { PLACEHOLDER } from '../domain/launch-plan.ts'
import { assignments, PEFT_BY_MODEL } from './adapter-files.ts'
import type { Engine, RuntimeKind } from './engine.ts'
import { BUILT_HERE } from './images.ts'
import { reservedSetting } from './reserved-settings.ts'
import { oneToken } from './smallest-question.ts'

const START_TIMEOUT_MS = 60_000
const STOP_GRACE_MS = 2_000
const CONTAINER_PORT = 8_080
/** Where `images/build.sh` puts it. */
const IN_IMAGE = ['node', '/berth/echo-main.ts']

const FLAGS = {
  healthRoute: '--health-route',
  startMs: '--start-ms',
  firstTokenMs: '--first-token-ms',
  tokenMs: '--token-ms',
  crashOnStart: '--crash-on-start',
  crashAfterRequests: '--crash-after-requests',
  freezeAfterRequests: '--freeze-after-requests',
  zombieAfterRequests: '--zombie-after-requests',
  exhaustAfterRequests: '--exhaust-after-requests',
  errorStatus: '--error-status',
  parallel: '--parallel',
} as const satisfies Record<keyof EchoImage, string>

export function createEcho({
  compileCacheDirectory,
  runtime = 'process',
}: {
  readonly compileCacheDirectory: string | undefined
  /** What carries its plans out. */
  readonly runtime?: RuntimeKind
}): Engine {
  const isContained = runtime === 'container'
  return {
    name: 'echo',
    runtimes: [runtime],
    variants: ['echo'],
    capabilities: ['chat', 'lora'],
    adapters: PEFT_BY_MODEL,
    health: { route: '/health', startTimeoutMs: () => START_TIMEOUT_MS },
    stopGraceMs: STOP_GRACE_MS,
    intake: ({ image }) => ({ room: image.echo?.parallel ?? null, keepsPrefixes: true }),
    vitals: ({ servedName }) => ({
      question: oneToken(servedName),
      isAskedWhenIdle: true,
      counters: { path: '/metrics', names: ['echo:steps_total'] },
    }),

    refusal: () => undefined,
    resolve: (_model, image) => ({ files: [], image: { echo: image.echo ?? {} } }),

    launch: ({ image, servedName, command, args, apiKey, adapters = [] }) => {
      const problem = reservedSetting('echo', { env: [], args, command })
      if (problem) throw new PlatformError('invalid', problem.message, { field: problem.field })
      const own = [
        ...(isContained ? IN_IMAGE : onMachine()),
        ...['--host', PLACEHOLDER.host, '--port', PLACEHOLDER.port, '--alias', servedName],
        ...scriptFlags(image.echo ?? {}),
        ...(adapters.length > 0 ? ['--adapters', assignments(adapters).join(',')] : []),
      ]
      return {
        command: [...(command.length > 0 ? command : own), ...args],
        image: isContained ? BUILT_HERE.echo : undefined,
        env: {
          ECHO_API_KEY: apiKey,
          ...(compileCacheDirectory && !isContained ? { NODE_COMPILE_CACHE: compileCacheDirectory } : {}),
        },
        containerPort: CONTAINER_PORT,
        shmBytes: 0,
      }
    },
  }
}

const onMachine = () => [process.execPath, createRequire(import.meta.url).resolve('./echo/echo-main.ts')]

function scriptFlags(script: EchoImage): string[] {
  return Object.entries(FLAGS).flatMap(([name, flag]) => {
    const value = script[name as keyof EchoImage]
    return value === undefined || value === null ? [] : [flag, String(value)]
  })
}
