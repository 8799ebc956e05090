/**
 * The Hugging Face inference toolkit: any pipeline of transformers, sentence-transformers and diffusers, or a
 * `handler.py` of the repository's own, behind one POST route.
 *
 * It serves one request at a time, so more replicas are the way to more throughput. It installs the repository's
 * `requirements.txt` at every start, for which the container needs a way to a package index. It knows no key: what
 * keeps others away from it is the runtime's network.
 */
import { PlatformError } from '../domain/errors.ts'
import { PLACEHOLDER } from '../domain/launch-plan.ts'
import { containerPlan, startDeadline } from './container-plan.ts'
import type { Engine, LaunchRequest, ModelFacts, Sizing } from './engine.ts'
import { TOOLKIT_MEMORY } from './engine-memory.ts'
import { IMAGES } from './images.ts'
import { contentsOf, filesForTransformers } from './repository-contents.ts'
import { reservedSetting } from './reserved-settings.ts'

const PORT = 5_000
/** Importing the frameworks, and installing what a handler requires. */
const START_TIMEOUT_MS = 900_000
const STOP_GRACE_MS = 10_000

/** The repository's own code, which the toolkit runs instead of a pipeline, and what it installs for it. */
export type CustomHandler = { readonly handler: string; readonly requirements: string | undefined }

export function createToolkit(): Engine {
  return {
    name: 'toolkit',
    runtimes: ['container'],
    variants: ['huggingface'],
    capabilities: ['embeddings', 'classification', 'pipelines'],
    health: { route: '/health', startTimeoutMs: startDeadline(START_TIMEOUT_MS) },
    stopGraceMs: STOP_GRACE_MS,
    intake: () => ({ room: 1, keepsPrefixes: false }),
    // A pipeline or handler may take minutes for whatever it is asked.
    vitals: () => undefined,

    refusal,
    resolve: (model, image) => {
      const settings = image.huggingface ?? {}
      refuseReservedEnv(Object.keys(settings.env ?? {}))
      // Only its author knows what a handler reads.
      const everything = customHandlerOf(model) !== undefined
      return {
        files: everything ? model.files.map((file) => file.path) : filesForTransformers(model.files),
        image: { huggingface: settings },
      }
    },

    launch: (request) => {
      refuseArgs(request)
      const own = { engine: 'toolkit', variant: 'huggingface', images: IMAGES.toolkit, port: PORT } as const
      const plan = containerPlan(own, request, {
        // The image's own entrypoint, from its working directory.
        command: ['bash', '-c', './entrypoint.sh'],
        env: {
          ...request.image.huggingface?.env,
          HF_MODEL_DIR: PLACEHOLDER.model,
          PORT: PLACEHOLDER.port,
        },
      })
      // The entrypoint installs what the repository's requirements.txt names.
      return { ...plan, writableRoot: true }
    },
    sizing: SIZING,
  }
}

/** One request at a time. */
const SIZING: Sizing = {
  memory: () => TOOLKIT_MEMORY,
  room: () => ({ contextTokens: undefined, concurrency: 1, kvDtype: 'f16' }),
  settle: (image) => ({ image: { huggingface: image.huggingface ?? {} }, args: [] }),
}

/** The custom code in a repository, for whoever explains to a person what will run. */
export function customHandlerOf({ files }: ModelFacts): CustomHandler | undefined {
  const { handler, requirements } = contentsOf(files)
  return handler === undefined ? undefined : { handler, requirements }
}

function refusal({ repository, files }: ModelFacts): string | undefined {
  const { handler, isTransformers, isSentenceTransformer, isDiffusers, isAdapter, safetensors, pytorch } =
    contentsOf(files)
  if (handler) return undefined
  const toolkit = 'The Hugging Face inference toolkit'
  if (isAdapter) {
    return `${toolkit} needs a whole model, and "${repository}" is an adapter (adapter_config.json without config.json). Deploy the model that it was trained on.`
  }
  if (!(isTransformers || isSentenceTransformer || isDiffusers)) {
    return `${toolkit} loads models of transformers, sentence-transformers and diffusers, and "${repository}" has none of config.json, modules.json and model_index.json. A handler.py in the repository can load anything else.`
  }
  if (!(safetensors || pytorch)) {
    return `${toolkit} reads safetensors and PyTorch weights, and "${repository}" has neither. A handler.py in the repository can load anything else.`
  }
  return undefined
}

function refuseReservedEnv(names: readonly string[]): void {
  const problem = reservedSetting('toolkit', { env: names, args: [], command: [] })
  if (!problem) return
  const field = problem.field.replace('model.env.', 'model.image.huggingface.env.')
  throw new PlatformError('invalid', problem.message, { field })
}

/** Its entrypoint reads no arguments: they would be lost in silence. */
function refuseArgs({ command, args }: LaunchRequest): void {
  if (command.length > 0 || args.length === 0) return
  throw new PlatformError(
    'invalid',
    'The Hugging Face inference toolkit takes no arguments, and model.args has some: it is set up by variables in model.env, such as HF_TASK.',
    { field: 'model.args' },
  )
}
