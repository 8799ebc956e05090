/** What engines read of an adapter's repository, and how those that know PEFT's adapters are told about them. */
import { adapterId } from '../domain/adapter.ts'
import { PlatformError } from '../domain/errors.ts'
import type { AdapterSupport, LaunchedAdapter, ModelFacts } from './engine.ts'

const PEFT_CONFIG = 'adapter_config.json'
const PEFT_WEIGHTS = 'adapter_model.safetensors'

/** Where the adapter is called by its name in `model`, as vLLM and TGI want it. */
export const PEFT_BY_MODEL: AdapterSupport = {
  files: peftFiles,
  members: (adapter) => ({ model: adapterId(adapter) }),
}

/** Pickles are not taken: an adapter is somebody else's file more often than a model is. */
export function peftFiles({ repository, files }: ModelFacts): readonly string[] {
  const needed = [PEFT_CONFIG, PEFT_WEIGHTS]
  const missing = needed.filter((path) => !files.some((file) => file.path === path))
  if (missing.length === 0) return needed
  throw refused(
    `"${repository}" has no ${missing.join(' and no ')}, so it is no adapter as the PEFT library saves one.`,
  )
}

/** One GGUF file, which is what llama.cpp's converter makes of an adapter. */
export function ggufAdapterFile({ repository, files }: ModelFacts): readonly string[] {
  const ggufs = files.filter(({ path }) => path.endsWith('.gguf')).map(({ path }) => path)
  if (ggufs.length === 1) {
    // Its flag separates files by commas, and a file from its scale by a colon.
    if (!/[,:]/.test(ggufs[0]!)) return ggufs
    throw refused(`"${ggufs[0]}" of "${repository}" has a comma or colon in its name: rename it.`)
  }
  throw refused(
    ggufs.length === 0
      ? `"${repository}" has no GGUF file. llama.cpp reads adapters that its convert_lora_to_gguf.py has converted.`
      : `"${repository}" has ${ggufs.length} GGUF files (${ggufs.slice(0, 5).join(', ')}), and an adapter is one: put each into a repository of its own.`,
  )
}

/** `id=path` of each, as flags take them. */
export const assignments = (adapters: readonly LaunchedAdapter[]): string[] =>
  adapters.map(({ id, path }) => `${id}=${path}`)

/** The ranks that vLLM has kernels for. */
const RANKS = [8, 16, 32, 64, 128, 256, 320, 512]

/** The smallest of them that takes all adapters; undefined leaves it to the engine. */
export function rankFor(adapters: readonly LaunchedAdapter[]): number | undefined {
  const largest = Math.max(0, ...adapters.map(({ rank }) => rank ?? 0))
  if (largest === 0) return undefined
  const fitting = RANKS.find((rank) => rank >= largest)
  if (fitting !== undefined) return fitting
  throw refused(`An adapter has rank ${largest}, and vLLM takes at most ${RANKS.at(-1)}.`)
}

const refused = (message: string) => new PlatformError('invalid', message, { field: 'model.adapters' })
