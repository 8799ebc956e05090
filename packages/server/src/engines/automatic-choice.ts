/**
 * What Berth considers when the choice of the engine is left to it: which engine is the right one for a model, among
 * those that could serve it.
 *
 * It reads the repository's file names, the task and the hardware. An engine that is asked for by name is not judged
 * here: whoever names one knows why.
 */
import type { Engine, ModelFacts } from './engine.ts'
import { contentsOf, type RepositoryContents } from './repository-contents.ts'

/** What is known beside the repository's files. */
export type Circumstances = {
  /** As the user or the Hub says. */
  readonly task?: string | null
  /** Of the instance type. Unknown counts as none. */
  readonly gpus?: number
}

const EMBEDDING_TASKS: readonly string[] = [
  'feature-extraction',
  'sentence-similarity',
  'sentence-embeddings',
  'sentence-ranking',
  'text-ranking',
]
const GENERATION_TASKS: readonly string[] = ['text-generation', 'conversational', 'image-text-to-text']

/** Why `engine` is not what the model needs, worded for a person, or `undefined` if it is. */
export function automaticRefusal(
  engine: Engine,
  { repository, files }: ModelFacts,
  { task, gpus = 0 }: Circumstances,
  candidates: readonly Engine[],
): string | undefined {
  const contents = contentsOf(files)
  if (contents.handler && engine.name !== 'toolkit' && candidates.some(({ name }) => name === 'toolkit')) {
    return `"${repository}" brings its own ${contents.handler}, which only the inference toolkit runs.`
  }
  switch (engine.name) {
    case 'tei':
      return isEmbedding(contents, task)
        ? undefined
        : `"${repository}" does not look like an embedding or reranking model${taskWords(task)}: name the engine with model.image.tei if it is one.`
    case 'vllm':
      if (!isGenerative(contents, task)) {
        return `"${repository}" does not look like a text generation model${taskWords(task)}: name the engine with model.image.vLLM if it is one.`
      }
      return gpus > 0
        ? undefined
        : 'vLLM needs a GPU, and the instance has none: choose a GPU instance for more than one request at a time.'
    default:
      return undefined
  }
}

function isEmbedding(
  { isSentenceTransformer }: RepositoryContents,
  task: string | null | undefined,
): boolean {
  return task ? EMBEDDING_TASKS.includes(task) : isSentenceTransformer
}

function isGenerative({ looksGenerative }: RepositoryContents, task: string | null | undefined): boolean {
  return task ? GENERATION_TASKS.includes(task) : looksGenerative
}

function taskWords(task: string | null | undefined): string {
  return task ? ` (its task is "${task}")` : ''
}
