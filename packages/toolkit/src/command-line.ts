/**
 * The program's command line, read into one plain object.
 *
 * The names are text-embeddings-inference's where it has one. Reading is strict, because a flag that is ignored
 * looks like a flag that works.
 */
import { parseArgs } from 'node:util'

/** Whose HTTP contract is answered. */
export type Api = 'tei' | 'toolkit'

export type Settings = {
  readonly api: Api
  /** A repository on this machine: config.json, tokenizer.json, ONNX weights. */
  readonly modelDirectory: string
  readonly host: string
  readonly port: number
  /** The name of the model in answers. */
  readonly servedName: string
  /** Of a pipeline; without it the model's architecture says. */
  readonly task: string | undefined
  readonly pooling: Pooling | undefined
  readonly threads: number
  /** Requests that are taken at once; more are answered 429. */
  readonly maxConcurrentRequests: number
  /** Tokens that are computed together, padding included. */
  readonly maxBatchTokens: number
  /** Inputs of one request. */
  readonly maxClientBatchSize: number
  readonly payloadLimitBytes: number
  /** Cut inputs that are too long, where the request does not say. */
  readonly autoTruncate: boolean
  /** Without it every route is open. */
  readonly apiKey: string | undefined
}

export const poolings = ['cls', 'mean', 'last-token'] as const
export type Pooling = (typeof poolings)[number]

export type CommandLine =
  | { readonly kind: 'serve'; readonly settings: Settings }
  | { readonly kind: 'help' }
  | { readonly kind: 'mistake'; readonly message: string }

export const USAGE = `Usage: toolkit-main --model-id DIRECTORY [options]

      --api tei|toolkit             whose HTTP contract is answered (tei)
      --model-id DIRECTORY          the model: config.json, tokenizer.json and ONNX weights
      --hostname HOST               address to listen on (127.0.0.1)
      --port PORT                   port to listen on, 0 for a free one (3000)
      --served-model-name NAME      name of the model in answers (the directory's name)
      --task TASK                   toolkit: the pipeline's task (as the architecture says)
      --pooling ${poolings.join('|')}  tei: how token vectors become one (as the model says)
      --threads N                   threads of the computation (1)
      --max-concurrent-requests N   requests taken at once, more get 429 (512)
      --max-batch-tokens N          tokens computed together (16384)
      --max-client-batch-size N     inputs of one request (32)
      --payload-limit BYTES         largest body (2000000; toolkit: 64000000)
      --auto-truncate               cut inputs that are too long
  -h, --help                        show this

Environment: API_KEY  the key that every route but /health asks for
             HF_TASK  the task, where --task does not say it
`

const TEI_PAYLOAD_BYTES = 2_000_000
/** Pictures and sound. */
const TOOLKIT_PAYLOAD_BYTES = 64_000_000

export function readCommandLine(args: readonly string[], env: NodeJS.ProcessEnv): CommandLine {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        api: { type: 'string', default: 'tei' },
        'model-id': { type: 'string' },
        hostname: { type: 'string', default: '127.0.0.1' },
        port: { type: 'string', default: '3000' },
        'served-model-name': { type: 'string' },
        task: { type: 'string' },
        pooling: { type: 'string' },
        threads: { type: 'string', default: '1' },
        'max-concurrent-requests': { type: 'string', default: '512' },
        'max-batch-tokens': { type: 'string', default: '16384' },
        'max-client-batch-size': { type: 'string', default: '32' },
        'payload-limit': { type: 'string' },
        'auto-truncate': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) return { kind: 'help' }
    const directory = values['model-id']
    if (!directory) throw new Error('--model-id is missing')
    const api = oneOf('--api', values.api, ['tei', 'toolkit'] as const)
    const payload = api === 'tei' ? TEI_PAYLOAD_BYTES : TOOLKIT_PAYLOAD_BYTES
    return {
      kind: 'serve',
      settings: {
        api,
        modelDirectory: directory,
        host: values.hostname,
        port: whole('--port', values.port, 0, 65_535),
        servedName:
          values['served-model-name'] ?? (directory.split('/').findLast((part) => part !== '') || directory),
        task: values.task ?? (env['HF_TASK'] || undefined),
        pooling: values.pooling === undefined ? undefined : oneOf('--pooling', values.pooling, poolings),
        threads: whole('--threads', values.threads, 1, 1_024),
        maxConcurrentRequests: whole('--max-concurrent-requests', values['max-concurrent-requests'], 1, 1e6),
        maxBatchTokens: whole('--max-batch-tokens', values['max-batch-tokens'], 1, 1e8),
        maxClientBatchSize: whole('--max-client-batch-size', values['max-client-batch-size'], 1, 1e6),
        payloadLimitBytes: whole('--payload-limit', values['payload-limit'] ?? String(payload), 1, 1e9),
        autoTruncate: values['auto-truncate'],
        apiKey: env['API_KEY'] || undefined,
      },
    }
  } catch (mistake) {
    return { kind: 'mistake', message: (mistake as Error).message }
  }
}

function oneOf<Choice extends string>(flag: string, value: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((one) => one === value)
  if (choice) return choice
  throw new Error(`${flag} is "${value}", and must be one of: ${choices.join(', ')}`)
}

function whole(flag: string, value: string, min: number, max: number): number {
  const number = Number(value)
  if (/^\d+$/.test(value) && number >= min && number <= max) return number
  throw new Error(`${flag} is "${value}", and must be a whole number from ${min} to ${max}`)
}
