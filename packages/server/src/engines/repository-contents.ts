/**
 * What a model repository holds, read from its file names alone, and which of the files an engine needs.
 *
 * Repositories often hold the same weights three times, for three libraries. Whoever loads them reads one; the rest
 * would only be downloaded. What is inside a file is for the engine to find out.
 */
import type { ArtifactFile } from '../domain/artifact.ts'
import type { ModelFacts } from './engine.ts'

export type RepositoryContents = {
  readonly safetensors: boolean
  /** `pytorch_model.bin` and its relatives. */
  readonly pytorch: boolean
  readonly onnx: boolean
  readonly gguf: boolean
  /** A `config.json` at the root: a model of the transformers library. */
  readonly isTransformers: boolean
  /** `modules.json`: a pipeline of the sentence-transformers library. */
  readonly isSentenceTransformer: boolean
  /** `model_index.json`: a pipeline of the diffusers library. */
  readonly isDiffusers: boolean
  /** Only the difference to another model, of no use without it. */
  readonly isAdapter: boolean
  /** By the files that come with generating models. Only a hint: the inside of `config.json` decides. */
  readonly looksGenerative: boolean
  /** Custom code that the inference toolkit runs instead of its own, and what has to be installed for it. */
  readonly handler: string | undefined
  readonly requirements: string | undefined
}

const HANDLER = 'handler.py'
const REQUIREMENTS = 'requirements.txt'
/** Copies of the weights for other libraries and formats, by the directory that holds them. */
const FOREIGN_DIRECTORY = /^(?:original|metal|openvino|coreml|tflite|\.git|\.github)\//
const FOREIGN_FORMAT = /\.(?:h5|msgpack|ot|tflite|mlmodel|mlpackage|gguf|ckpt|npz|pb|onnx|onnx_data)$/i
const UNQUANTISED_ONNX = /^(?:onnx\/)?model\.onnx(?:_data)?$/
const SAFETENSORS = /\.safetensors$/i
const PYTORCH_WEIGHTS = /(?:^|\/)(?:pytorch_)?(?:model|adapter_model)[^/]*\.(?:bin|pt|pth)$/i
const PYTORCH_PICKLE = /\.(?:bin|pt|pth)$/i
/** The same weights once more, as Mistral's own library stores them. */
const CONSOLIDATED = /^consolidated[^/]*\.safetensors$/i

export function contentsOf(files: readonly ArtifactFile[]): RepositoryContents {
  const paths = files.map((file) => file.path)
  const has = (path: string) => paths.includes(path)
  const some = (pattern: RegExp) => paths.some((path) => pattern.test(path))
  const isEncoderDecoder = has('spiece.model') || has('source.spm')
  return {
    safetensors: some(SAFETENSORS),
    pytorch: some(PYTORCH_WEIGHTS),
    onnx: some(/\.onnx$/i),
    gguf: some(/\.gguf$/i),
    isTransformers: has('config.json'),
    isSentenceTransformer: has('modules.json'),
    isDiffusers: has('model_index.json'),
    isAdapter: has('adapter_config.json') && !has('config.json'),
    looksGenerative:
      has('chat_template.jinja') ||
      (has('generation_config.json') && !isEncoderDecoder && !has('preprocessor_config.json')),
    handler: has(HANDLER) ? HANDLER : undefined,
    requirements: has(REQUIREMENTS) ? REQUIREMENTS : undefined,
  }
}

/** What a transformers-like loader needs: one copy of the weights, safetensors before pickles, and all small files. */
export function filesForTransformers(files: readonly ArtifactFile[]): string[] {
  const paths = files.map((file) => file.path)
  const directoriesWithSafetensors = new Set(paths.filter((path) => SAFETENSORS.test(path)).map(directoryOf))
  const hasOtherSafetensors = paths.some(
    (path) => SAFETENSORS.test(path) && directoryOf(path) === '' && !CONSOLIDATED.test(path),
  )
  return paths.filter(
    (path) =>
      !isForeign(path) &&
      // A pickle is dropped only beside its safer twin: some pipelines keep one small module as a pickle.
      !(PYTORCH_PICKLE.test(path) && directoriesWithSafetensors.has(directoryOf(path))) &&
      !(CONSOLIDATED.test(path) && hasOtherSafetensors),
  )
}

/** As above, with the unquantised ONNX export instead of weights that are not there. */
export function filesForEmbeddings(files: readonly ArtifactFile[]): string[] {
  const chosen = filesForTransformers(files)
  if (contentsOf(files).safetensors) return chosen
  const exported = files.map((file) => file.path).filter((path) => UNQUANTISED_ONNX.test(path))
  return [...chosen, ...exported]
}

/** Why no loader of transformers weights can serve the model, with the way out, or `undefined`. */
export function transformersRefusal(engine: string, { repository, files }: ModelFacts): string | undefined {
  const contents = contentsOf(files)
  if (contents.isAdapter) {
    return `${engine} needs a whole model, and "${repository}" is an adapter (adapter_config.json without config.json). Deploy the model that it was trained on.`
  }
  const hasWeights = contents.safetensors || contents.pytorch
  if (!hasWeights && contents.gguf) {
    return `${engine} reads safetensors, and "${repository}" has only GGUF files. Use model.image.llamacpp for it.`
  }
  if (!hasWeights) {
    return `${engine} reads safetensors, and "${repository}" has none. Check the repository's name, or name an engine that reads its files.`
  }
  if (!contents.isTransformers) {
    return `${engine} reads models of the transformers library, and "${repository}" has no config.json. Many models have a second repository in that form, often named like this one with "-hf" at the end.`
  }
  return undefined
}

function isForeign(path: string): boolean {
  return FOREIGN_DIRECTORY.test(path) || FOREIGN_FORMAT.test(path) || path === '.gitattributes'
}

function directoryOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash === -1 ? '' : path.slice(0, slash)
}
