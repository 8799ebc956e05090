/**
 * What a repository says about itself beside its weights: its task, its library and its configuration.
 *
 * All of it was written by others and may be missing or nonsense, so what is not understood is left out.
 */
import type { Artifact, ArtifactFile } from '../domain/artifact.ts'
import type { HeaderSource } from './model-header.ts'
import type { RepositoryCard } from './model-store.ts'

const MAX_WORD_LENGTH = 60
const REPOSITORY = /^[\w][\w.-]{0,95}\/[\w][\w.-]{0,95}$/
/** The largest known are a tenth of it. */
const MAX_CONFIG_BYTES = 2 * 2 ** 20

/** Of the Hub's answer about a model. */
export function cardOf(model: unknown): Pick<RepositoryCard, 'task' | 'library'> {
  const given = asObject(model)
  return { task: word(given['pipeline_tag']), library: word(given['library_name']) }
}

/** Of PEFT's `adapter_config.json`. A model that lay on the trainer's own disk is nothing that can be deployed. */
export function baseModelIn(config: unknown): string | undefined {
  const base = asObject(config)['base_model_name_or_path']
  return typeof base === 'string' && REPOSITORY.test(base) ? base : undefined
}

export async function readConfig(
  { files }: Artifact,
  open: (file: ArtifactFile) => Promise<HeaderSource>,
  name = 'config.json',
): Promise<unknown> {
  const file = files.find(({ path }) => path === name)
  if (!file || file.sizeBytes > MAX_CONFIG_BYTES) return undefined
  const source = await open(file)
  return JSON.parse(new TextDecoder().decode(await source.read(0, file.sizeBytes)))
}

function word(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= MAX_WORD_LENGTH ? value : undefined
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
}
