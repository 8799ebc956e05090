/**
 * What lies in a model's directory: which weights, for which task, how texts become vectors.
 *
 * The layout is the Hub's for ONNX: `onnx/model.onnx` and its smaller variants, or the same beside config.json.
 */
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Pooling } from './command-line.ts'

export type Repository = {
  /** Where config.json lies. */
  readonly directory: string
  /** Of the weights below it; empty when they lie beside config.json. */
  readonly subfolder: string
  readonly dtype: Dtype
  readonly architecture: string
  readonly task: string
  readonly labels: readonly string[]
  /** As sentence-transformers' own configuration says. */
  readonly pooling: Pooling | undefined
  /** The longest input in tokens that the model was made for; undefined when nothing says. */
  readonly maxTokens: number | undefined
}

/** Of a weights file's name, in the order in which we take them: exact first, then the smaller ones. */
const SUFFIXES = {
  fp32: '',
  fp16: '_fp16',
  q8: '_quantized',
  int8: '_int8',
  uint8: '_uint8',
  q4: '_q4',
  q4f16: '_q4f16',
  bnb4: '_bnb4',
} as const
export type Dtype = keyof typeof SUFFIXES

/** The file that tells which variant is there; decoders follow the choice of their encoder. */
const STEMS = ['model', 'encoder_model', 'decoder_model_merged', 'decoder_model']

/** An architecture's ending → what its pipeline is called. */
const TASKS: readonly (readonly [RegExp, string])[] = [
  [/ForSequenceClassification$/, 'text-classification'],
  [/ForTokenClassification$/, 'token-classification'],
  [/ForMaskedLM$/, 'fill-mask'],
  [/ForQuestionAnswering$/, 'question-answering'],
  [/ForImageClassification$/, 'image-classification'],
  [/^(Whisper|Moonshine).*ForConditionalGeneration$|ForCTC$/, 'automatic-speech-recognition'],
  [/^(Marian|M2M100|MBart).*(MTModel|ForConditionalGeneration)$/, 'translation'],
  [/^(T5|MT5).*ForConditionalGeneration$/, 'text2text-generation'],
  [/ForConditionalGeneration$/, 'summarization'],
  [/ForCausalLM$/, 'text-generation'],
]

type Config = {
  readonly architectures?: readonly string[]
  readonly model_type?: string
  readonly max_position_embeddings?: number
  readonly id2label?: Readonly<Record<string, string>>
  readonly label2id?: Readonly<Record<string, number>>
}

/** RoBERTa and its like number positions from the padding's id on. */
const OFFSET_POSITIONS: Readonly<Record<string, number>> = { roberta: 2, 'xlm-roberta': 2, camembert: 2 }

/** @throws Error that says what is missing. */
export async function readRepository(directory: string, wantedTask?: string): Promise<Repository> {
  const config = await readJson<Config>(directory, 'config.json')
  if (!config) throw new Error(`${directory} has no config.json: it is no model of transformers`)
  const { subfolder, dtype } = await findWeights(directory)
  const architecture = config.architectures?.[0] ?? ''
  return {
    directory,
    subfolder,
    dtype,
    architecture,
    task: wantedTask ?? taskOf(architecture, config),
    labels: labelsOf(config),
    pooling: poolingOf(await readJson(directory, '1_Pooling/config.json')),
    maxTokens: maxTokensOf(
      config,
      await readJson(directory, 'sentence_bert_config.json'),
      await readJson(directory, 'tokenizer_config.json'),
    ),
  }
}

async function findWeights(directory: string): Promise<Pick<Repository, 'subfolder' | 'dtype'>> {
  for (const subfolder of ['onnx', '']) {
    const files = new Set(await readdir(path.join(directory, subfolder)).catch(() => []))
    for (const stem of STEMS) {
      for (const [dtype, suffix] of Object.entries(SUFFIXES)) {
        if (files.has(`${stem}${suffix}.onnx`)) return { subfolder, dtype: dtype as Dtype }
      }
    }
  }
  throw new Error(
    `${directory} has no ONNX weights (onnx/model.onnx): export them with optimum-cli, or deploy a repository that has them`,
  )
}

export function taskOf(architecture: string, config: Config): string {
  const task = TASKS.find(([pattern]) => pattern.test(architecture))?.[1] ?? 'feature-extraction'
  const entails = Object.keys(config.label2id ?? {}).some((label) => label.toLowerCase() === 'entailment')
  return task === 'text-classification' && entails ? 'zero-shot-classification' : task
}

function labelsOf({ id2label = {} }: Config): string[] {
  return Object.entries(id2label)
    .toSorted(([a], [b]) => Number(a) - Number(b))
    .map(([, label]) => label)
}

type PoolingConfig = Readonly<Record<string, unknown>>

function poolingOf(config: PoolingConfig | undefined): Pooling | undefined {
  if (config?.['pooling_mode_cls_token']) return 'cls'
  if (config?.['pooling_mode_lasttoken']) return 'last-token'
  if (config?.['pooling_mode_mean_tokens']) return 'mean'
  return undefined
}

function maxTokensOf(
  config: Config,
  sentence: { readonly max_seq_length?: number } | undefined,
  tokenizer: { readonly model_max_length?: number } | undefined,
): number | undefined {
  const positions =
    config.max_position_embeddings === undefined
      ? undefined
      : config.max_position_embeddings - (OFFSET_POSITIONS[config.model_type ?? ''] ?? 0)
  // Tokenizers that know no limit say 1e30.
  const known = [positions, sentence?.max_seq_length, tokenizer?.model_max_length].filter(
    (value) => typeof value === 'number' && value > 0 && value < 1e9,
  ) as number[]
  return known.length === 0 ? undefined : Math.min(...known)
}

async function readJson<Shape>(directory: string, file: string): Promise<Shape | undefined> {
  const text = await readFile(path.join(directory, file), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as Shape
  } catch (cause) {
    throw new Error(`${file} of the model is not valid JSON`, { cause })
  }
}
