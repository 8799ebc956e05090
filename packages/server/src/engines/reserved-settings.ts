/**
 * What a user may not set, because Berth itself sets it: where an engine listens, what it loads, its key.
 *
 * A reserved name is refused when the endpoint is created, in words that say which setting to use instead. A
 * user's own `command` is the user's own program, so its arguments are not looked at.
 */
import type { Problem } from '@berth/contract'

type Reserved = {
  /** Name to what should be used instead. */
  readonly env: Readonly<Record<string, string>>
  readonly args: Readonly<Record<string, string>>
}

const BERTH_LISTENS = 'Berth chooses where a replica listens'
const BERTH_KEY = 'Berth gives every replica a key of its own; callers use access tokens'
const BERTH_FILES = 'Berth fetches the files; use model.repository and model.image.llamacpp.modelPath'

const RESERVED: Readonly<Record<string, Reserved>> = {
  llamacpp: {
    env: {
      LLAMA_ARG_MODEL: BERTH_FILES,
      LLAMA_ARG_HTTP_THREADS: 'use model.image.llamacpp.threadsHttp',
      LLAMA_ARG_THREADS_HTTP: 'use model.image.llamacpp.threadsHttp',
      LLAMA_ARG_N_GPU_LAYERS: 'use model.image.llamacpp.nGpuLayers',
      LLAMA_ARG_EMBEDDINGS: 'use model.image.llamacpp.mode',
      LLAMA_ARG_HOST: BERTH_LISTENS,
      LLAMA_ARG_PORT: BERTH_LISTENS,
      LLAMA_ARG_NO_MMAP: 'Berth keeps memory mapping on, so that replicas share the weights',
      LLAMA_ARG_CTX_SIZE: 'use model.image.llamacpp.ctxSize',
      LLAMA_ARG_N_PARALLEL: 'use model.image.llamacpp.nParallel',
      LLAMA_ARG_ENDPOINT_METRICS: 'Berth reads the metrics page',
      LLAMA_API_KEY: BERTH_KEY,
      LLAMA_ARG_API_KEY_FILE: BERTH_KEY,
    },
    args: {
      '-m': BERTH_FILES,
      '--model': BERTH_FILES,
      '-mu': BERTH_FILES,
      '--model-url': BERTH_FILES,
      '-hf': BERTH_FILES,
      '-hfr': BERTH_FILES,
      '--hf-repo': BERTH_FILES,
      '--models-dir': BERTH_FILES,
      '--host': BERTH_LISTENS,
      '--port': BERTH_LISTENS,
      '--api-prefix': BERTH_LISTENS,
      '--ssl-key-file': 'the gateway is where TLS ends',
      '--ssl-cert-file': 'the gateway is where TLS ends',
      '--api-key': BERTH_KEY,
      '--api-key-file': BERTH_KEY,
    },
  },
  echo: {
    env: { ECHO_API_KEY: BERTH_KEY },
    args: { '--host': BERTH_LISTENS, '--port': BERTH_LISTENS },
  },
}

/** The first reserved name among what the user set for `engine`, or `undefined`. */
export function reservedSetting(
  engine: string,
  given: {
    readonly env: readonly string[]
    readonly args: readonly string[]
    readonly command: readonly string[]
  },
): Problem | undefined {
  const reserved = RESERVED[engine]
  if (!reserved) return undefined
  for (const name of given.env) {
    const instead = Object.hasOwn(reserved.env, name) ? reserved.env[name] : undefined
    if (instead) return { field: `model.env.${name}`, message: `${name} cannot be set: ${instead}.` }
  }
  if (given.command.length > 0) return undefined
  for (const [index, arg] of given.args.entries()) {
    const flag = arg.split('=', 1)[0]!
    const instead = Object.hasOwn(reserved.args, flag) ? reserved.args[flag] : undefined
    if (instead)
      return { field: `model.args.${index}`, message: `The argument ${flag} cannot be set: ${instead}.` }
  }
  return undefined
}
