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
const BERTH_WEIGHTS = 'Berth fetches the weights; use model.repository and model.revision'
const BERTH_NAME = 'the model is called by the name of its endpoint'
const GATEWAY_TLS = 'the gateway is where TLS ends'
const OFFLINE = 'Berth fetches the weights once, and the engine asks no hub; use model.repository'

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
      '--ssl-key-file': GATEWAY_TLS,
      '--ssl-cert-file': GATEWAY_TLS,
      '--api-key': BERTH_KEY,
      '--api-key-file': BERTH_KEY,
    },
  },
  vllm: {
    env: {
      VLLM_API_KEY: BERTH_KEY,
      HF_HUB_OFFLINE: OFFLINE,
      VLLM_SERVER_DEV_MODE: 'it opens routes for developers to every caller',
    },
    args: {
      '--model': BERTH_WEIGHTS,
      '--revision': BERTH_WEIGHTS,
      '--download-dir': BERTH_WEIGHTS,
      '--served-model-name': BERTH_NAME,
      '--host': BERTH_LISTENS,
      '--port': BERTH_LISTENS,
      '--uds': BERTH_LISTENS,
      '--root-path': BERTH_LISTENS,
      '--api-key': BERTH_KEY,
      '--ssl-keyfile': GATEWAY_TLS,
      '--ssl-certfile': GATEWAY_TLS,
      '--tensor-parallel-size': 'use model.image.vLLM.tensorParallelSize',
      '-tp': 'use model.image.vLLM.tensorParallelSize',
      '--data-parallel-size': 'use model.image.vLLM.dataParallelSize',
      '-dp': 'use model.image.vLLM.dataParallelSize',
    },
  },
  sglang: {
    env: { HF_HUB_OFFLINE: OFFLINE },
    args: {
      '--model-path': BERTH_WEIGHTS,
      '--model': BERTH_WEIGHTS,
      '--revision': BERTH_WEIGHTS,
      '--download-dir': BERTH_WEIGHTS,
      '--served-model-name': BERTH_NAME,
      '--host': BERTH_LISTENS,
      '--port': BERTH_LISTENS,
      '--api-key': BERTH_KEY,
      '--admin-api-key': BERTH_KEY,
      '--tensor-parallel-size': 'use model.image.sGLang.tensorParallelSize',
      '--tp-size': 'use model.image.sGLang.tensorParallelSize',
      '--tp': 'use model.image.sGLang.tensorParallelSize',
      '--nnodes': 'a replica runs on one machine',
      '--node-rank': 'a replica runs on one machine',
    },
  },
  tgi: {
    env: {
      MODEL_ID: BERTH_WEIGHTS,
      REVISION: BERTH_WEIGHTS,
      HOSTNAME: BERTH_LISTENS,
      PORT: BERTH_LISTENS,
      API_KEY: BERTH_KEY,
      HF_HUB_OFFLINE: OFFLINE,
      MAX_INPUT_TOKENS: 'use model.image.tgi.maxInputLength',
      MAX_INPUT_LENGTH: 'use model.image.tgi.maxInputLength',
      MAX_TOTAL_TOKENS: 'use model.image.tgi.maxTotalTokens',
      MAX_BATCH_PREFILL_TOKENS: 'use model.image.tgi.maxBatchPrefillTokens',
      MAX_BATCH_TOTAL_TOKENS: 'use model.image.tgi.maxBatchTotalTokens',
      QUANTIZE: 'use model.image.tgi.quantize',
      NUM_SHARD: 'Berth takes one shard for each GPU of the instance',
    },
    args: {
      '--model-id': BERTH_WEIGHTS,
      '--revision': BERTH_WEIGHTS,
      '--hostname': BERTH_LISTENS,
      '-p': BERTH_LISTENS,
      '--port': BERTH_LISTENS,
      '--api-key': BERTH_KEY,
      '--num-shard': 'Berth takes one shard for each GPU of the instance',
    },
  },
  tei: {
    env: {
      MODEL_ID: BERTH_WEIGHTS,
      REVISION: BERTH_WEIGHTS,
      HOSTNAME: BERTH_LISTENS,
      PORT: BERTH_LISTENS,
      API_KEY: BERTH_KEY,
      HF_HUB_OFFLINE: OFFLINE,
      SERVED_MODEL_NAME: BERTH_NAME,
      MAX_BATCH_TOKENS: 'use model.image.tei.maxBatchTokens',
      MAX_CONCURRENT_REQUESTS: 'use model.image.tei.maxConcurrentRequests',
      POOLING: 'use model.image.tei.pooling',
    },
    args: {
      '--model-id': BERTH_WEIGHTS,
      '--revision': BERTH_WEIGHTS,
      '--served-model-name': BERTH_NAME,
      '--hostname': BERTH_LISTENS,
      '-p': BERTH_LISTENS,
      '--port': BERTH_LISTENS,
      '--uds-path': BERTH_LISTENS,
      '--api-key': BERTH_KEY,
    },
  },
  toolkit: {
    env: {
      HF_MODEL_DIR: BERTH_WEIGHTS,
      HF_MODEL_ID: BERTH_WEIGHTS,
      HF_REVISION: BERTH_WEIGHTS,
      PORT: BERTH_LISTENS,
      AIP_MODE: BERTH_LISTENS,
      AIP_HTTP_PORT: BERTH_LISTENS,
    },
    args: {},
  },
  echo: {
    env: { ECHO_API_KEY: BERTH_KEY },
    args: { '--host': BERTH_LISTENS, '--port': BERTH_LISTENS },
  },
}

/** All that is reserved for an engine, for whoever writes it down. */
export function reservedFor(engine: string): Reserved {
  return RESERVED[engine] ?? { env: {}, args: {} }
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
    const flag = spelledWithDashes(arg.split('=', 1)[0]!)
    const instead = Object.hasOwn(reserved.args, flag) ? reserved.args[flag] : undefined
    if (instead)
      return { field: `model.args.${index}`, message: `The argument ${flag} cannot be set: ${instead}.` }
  }
  return undefined
}

/** `--max_num_seqs` is `--max-num-seqs` to some engines, and nothing at all to the others. */
function spelledWithDashes(flag: string): string {
  return flag.startsWith('--') ? flag.replaceAll('_', '-') : flag
}
