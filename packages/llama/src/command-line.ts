/**
 * The engine's command line: a subset of llama-server's own flags, read into one plain object.
 *
 * Reading is strict, because a flag that is ignored looks like a flag that works. What the settings mean is
 * decided where they are used.
 */

export type EngineSettings = {
  readonly modelPath: string
  readonly host: string
  readonly port: number
  /** Tokens over all slots together, as llama-server counts. 0 is what the model was trained on. */
  readonly contextTokens: number
  readonly slots: number
  readonly threads: number
  /** The name of the model in answers. */
  readonly alias: string
  readonly embeddings: boolean
  readonly gpuLayers: number
  /** Requests that may wait for a slot; more are refused at once. */
  readonly queueLimit: number
  /** Any of them opens every route. None: the engine asks for no key. */
  readonly apiKeys: readonly string[]
}

export type CommandLine =
  | { readonly kind: 'serve'; readonly settings: EngineSettings }
  | { readonly kind: 'help' | 'version' }
  | { readonly kind: 'mistake'; readonly message: string }

const MAX_SLOTS = 64
const MAX_CONTEXT_TOKENS = 2 ** 24
const MAX_GPU_LAYERS = 10_000
const DEFAULT_QUEUE_LIMIT = 64

export const USAGE = `Usage: llama-main -m FILE [options]

  -m, --model FILE          GGUF file of the model (of a split model, the first part)
      --host HOST           address to listen on (127.0.0.1)
      --port PORT           port to listen on, 0 for a free one (8080)
  -c, --ctx-size N          context tokens over all slots together, 0 for the model's own (0)
  -np, --parallel N         slots: requests that are worked on at the same time (1)
  -t, --threads N           threads; never more than the processors that are free for it (1)
  -a, --alias NAME          name of the model in answers (the file's name)
      --embeddings          compute embeddings, do not generate text
  -ngl, --n-gpu-layers N    layers to put on a GPU (0)
      --queue N             requests that may wait for a slot (${DEFAULT_QUEUE_LIMIT})
  -h, --help                show this
      --version             show the version

Environment: LLAMA_API_KEY  key, or several with commas, that every route but /health asks for
`

type Flag =
  | { readonly kind: 'text'; readonly set: 'modelPath' | 'host' | 'alias' }
  | { readonly kind: 'switch'; readonly set: 'embeddings' }
  | {
      readonly kind: 'number'
      readonly set: 'port' | 'contextTokens' | 'slots' | 'threads' | 'gpuLayers' | 'queueLimit'
      readonly min: number
      readonly max: number
    }

const MODEL: Flag = { kind: 'text', set: 'modelPath' }
const ALIAS: Flag = { kind: 'text', set: 'alias' }
const CONTEXT: Flag = { kind: 'number', set: 'contextTokens', min: 0, max: MAX_CONTEXT_TOKENS }
const SLOTS: Flag = { kind: 'number', set: 'slots', min: 1, max: MAX_SLOTS }
const THREADS: Flag = { kind: 'number', set: 'threads', min: 1, max: 1024 }
const GPU_LAYERS: Flag = { kind: 'number', set: 'gpuLayers', min: 0, max: MAX_GPU_LAYERS }
const EMBEDDINGS: Flag = { kind: 'switch', set: 'embeddings' }

const FLAGS: ReadonlyMap<string, Flag> = new Map<string, Flag>([
  ['-m', MODEL],
  ['--model', MODEL],
  ['--host', { kind: 'text', set: 'host' }],
  ['--port', { kind: 'number', set: 'port', min: 0, max: 65_535 }],
  ['-c', CONTEXT],
  ['--ctx-size', CONTEXT],
  ['-np', SLOTS],
  ['--parallel', SLOTS],
  ['-t', THREADS],
  ['--threads', THREADS],
  ['-a', ALIAS],
  ['--alias', ALIAS],
  ['--embedding', EMBEDDINGS],
  ['--embeddings', EMBEDDINGS],
  ['-ngl', GPU_LAYERS],
  ['--gpu-layers', GPU_LAYERS],
  ['--n-gpu-layers', GPU_LAYERS],
  ['--queue', { kind: 'number', set: 'queueLimit', min: 0, max: 100_000 }],
])

export function readCommandLine(args: readonly string[], apiKey: string | undefined): CommandLine {
  const settings: { -readonly [K in keyof EngineSettings]: EngineSettings[K] } = {
    modelPath: '',
    host: '127.0.0.1',
    port: 8080,
    contextTokens: 0,
    slots: 1,
    threads: 1,
    alias: '',
    embeddings: false,
    gpuLayers: 0,
    queueLimit: DEFAULT_QUEUE_LIMIT,
    apiKeys: (apiKey ?? '').split(',').filter((key) => key !== ''),
  }

  for (let i = 0; i < args.length; i++) {
    const name = args[i] as string
    if (name === '-h' || name === '--help') return { kind: 'help' }
    if (name === '--version') return { kind: 'version' }
    const flag = FLAGS.get(name)
    if (!flag) return mistake(`unknown argument "${name}"`)
    if (flag.kind === 'switch') {
      settings[flag.set] = true
      continue
    }
    const value = args[++i]
    if (value === undefined || value === '') return mistake(`${name} needs a value`)
    if (flag.kind === 'text') {
      settings[flag.set] = value
      continue
    }
    const number = Number(value)
    if (!Number.isInteger(number) || number < flag.min || number > flag.max) {
      return mistake(`${name} is "${value}", and must be a whole number from ${flag.min} to ${flag.max}`)
    }
    settings[flag.set] = number
  }

  if (settings.modelPath === '') return mistake('-m FILE is missing')
  settings.alias ||= settings.modelPath.split(/[/\\]/).at(-1) as string
  return { kind: 'serve', settings }
}

const mistake = (message: string): CommandLine => ({ kind: 'mistake', message })
