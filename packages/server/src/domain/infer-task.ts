/**
 * The task of a model from what it says about itself, where nobody named one.
 *
 * A class of the transformers library is named after what it does; a GGUF file says which architecture it has. What
 * neither tells stays unknown.
 */

type Given = Readonly<Record<string, unknown>>

/** Ends of class names, the more particular ones first. */
const TASK_OF_CLASS: readonly (readonly [RegExp, string])[] = [
  [/ForCausalLM$|LMHeadModel$/, 'text-generation'],
  [/ForSequenceClassification$/, 'text-classification'],
  [/ForTokenClassification$/, 'token-classification'],
  [/ForMaskedLM$/, 'fill-mask'],
  [/ForQuestionAnswering$/, 'question-answering'],
  [/^Whisper\w*ForConditionalGeneration$|ForSpeechSeq2Seq$|ForCTC$/, 'automatic-speech-recognition'],
  [/ForAudioClassification$/, 'audio-classification'],
  [/ForImageClassification$/, 'image-classification'],
  [/ForObjectDetection$/, 'object-detection'],
  [/For\w*Segmentation$/, 'image-segmentation'],
]
const SEQUENCE_TO_SEQUENCE = /^(?:T5|MT5|Bart|MBart|Marian|Pegasus|Led|M2M100|NllbMoe)/i

export function taskFromConfig(config: unknown): string | undefined {
  const given = asObject(config)
  const name = Array.isArray(given['architectures']) ? given['architectures'][0] : undefined
  if (typeof name !== 'string') return undefined
  const known = TASK_OF_CLASS.find(([pattern]) => pattern.test(name))?.[1]
  if (known === 'text-classification' && labelsIn(given) === 1) return 'text-ranking'
  if (known) return known
  if (/ForConditionalGeneration$/.test(name)) {
    if (SEQUENCE_TO_SEQUENCE.test(name)) return 'text2text-generation'
    return given['vision_config'] ? 'image-text-to-text' : undefined
  }
  return /Model$/.test(name) && !given['vision_config'] ? 'feature-extraction' : undefined
}

export function taskFromGguf(metadata: unknown): string | undefined {
  const given = asObject(metadata)
  const architecture = given['general.architecture']
  if (typeof architecture !== 'string') return undefined
  const pooling = given[`${architecture}.pooling_type`]
  if (pooling === RANK_POOLING) return 'text-ranking'
  const reads = given[`${architecture}.attention.causal`] === false || /bert/.test(architecture)
  return reads ? 'feature-extraction' : 'text-generation'
}

/** llama.cpp's number for models that judge instead of embedding. */
const RANK_POOLING = 4

/** A cross-encoder gives one score. */
function labelsIn(config: Given): number | undefined {
  const labels = config['id2label']
  if (typeof labels === 'object' && labels !== null) return Object.keys(labels).length
  const count = config['num_labels']
  return typeof count === 'number' ? count : undefined
}

function asObject(value: unknown): Given {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Given) : {}
}
