/** A model that turns texts into numbers in one pass: texts to token ids, ids to what the model says of them. */
import {
  AutoModel,
  AutoModelForSequenceClassification,
  AutoTokenizer,
  Tensor,
} from '@huggingface/transformers'
import { ApiError } from './api-error.ts'
import type { Repository } from './repository.ts'
import type { Loading } from './transformers.ts'

/** A text, or two that are judged together. */
export type EncoderInput = { readonly text: string; readonly pair?: string | undefined }

export type EncodedText = { readonly ids: readonly number[]; readonly types: readonly number[] }

export type EncoderOutput = {
  /** `[texts, …]`: token vectors or class scores. */
  readonly data: Float32Array
  readonly shape: readonly number[]
  /** `[texts, tokens]`: 1 for a token, 0 for padding. */
  readonly masks: readonly (readonly number[])[]
}

/** The outputs that exporters give a model, in the order in which we take them. */
const OUTPUTS = ['last_hidden_state', 'token_embeddings', 'logits']

type Tokenizer = Awaited<ReturnType<typeof AutoTokenizer.from_pretrained>>
type Model = Awaited<ReturnType<typeof AutoModel.from_pretrained>>

export class Encoder {
  readonly maxTokens: number
  readonly #tokenizer: Tokenizer
  readonly #model: Model
  readonly #takesTypes: boolean

  private constructor(tokenizer: Tokenizer, model: Model, maxTokens: number) {
    this.#tokenizer = tokenizer
    this.#model = model
    this.maxTokens = maxTokens
    const [session] = Object.values(this.#model.sessions) as { readonly inputNames: readonly string[] }[]
    this.#takesTypes = session?.inputNames.includes('token_type_ids') ?? false
  }

  static async open(
    { id, options }: Loading,
    repository: Repository,
    isClassifier: boolean,
  ): Promise<Encoder> {
    const { subfolder: _, ...anywhere } = options
    const [tokenizer, model] = await Promise.all([
      AutoTokenizer.from_pretrained(id, anywhere),
      (isClassifier ? AutoModelForSequenceClassification : AutoModel).from_pretrained(id, options),
    ])
    return new Encoder(tokenizer, model, repository.maxTokens ?? Number.POSITIVE_INFINITY)
  }

  /**
   * @param truncate cut what is longer than the model takes.
   * @throws ApiError `Validation` with both numbers when it is too long and may not be cut.
   */
  tokenize({ text, pair }: EncoderInput, truncate: boolean): EncodedText {
    const whole = this.#tokenized(text, pair, false)
    if (whole.ids.length <= this.maxTokens) return whole
    if (truncate) return this.#tokenized(text, pair, true)
    throw new ApiError(
      'Validation',
      `\`inputs\` must have less than ${this.maxTokens} tokens. Given: ${whole.ids.length}`,
    )
  }

  tokensOf(ids: readonly number[]): string[] {
    return ids.map((id) => this.#tokenizer.decode([id], { skip_special_tokens: false }))
  }

  decode(ids: readonly number[], skipSpecial: boolean): string {
    return this.#tokenizer.decode([...ids], { skip_special_tokens: skipSpecial })
  }

  get specialIds(): ReadonlySet<number> {
    return new Set(this.#tokenizer.all_special_ids)
  }

  async run(texts: readonly EncodedText[]): Promise<EncoderOutput> {
    const length = Math.max(...texts.map(({ ids }) => ids.length))
    const padId = Number(this.#tokenizer.pad_token_id ?? 0)
    const padded = (values: readonly number[], by: number) => [
      ...values,
      ...Array<number>(length - values.length).fill(by),
    ]
    const tensor = (rows: readonly (readonly number[])[]) =>
      new Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [texts.length, length])
    const masks = texts.map(({ ids }) => padded(Array<number>(ids.length).fill(1), 0))
    const outputs = (await this.#model({
      input_ids: tensor(texts.map(({ ids }) => padded(ids, padId))),
      attention_mask: tensor(masks),
      ...(this.#takesTypes ? { token_type_ids: tensor(texts.map(({ types }) => padded(types, 0))) } : {}),
    })) as Readonly<Record<string, Tensor>>
    const name = OUTPUTS.find((one) => outputs[one]) ?? Object.keys(outputs)[0]
    const output = name === undefined ? undefined : outputs[name]
    if (!output) throw new ApiError('Backend', 'the model gave no output')
    return { data: output.data as Float32Array, shape: output.dims, masks }
  }

  #tokenized(text: string, pair: string | undefined, truncation: boolean): EncodedText {
    const { input_ids: ids, token_type_ids: types } = this.#tokenizer(text, {
      ...(pair === undefined ? {} : { text_pair: pair }),
      ...(truncation ? { max_length: this.maxTokens } : {}),
      truncation,
      padding: false,
      return_tensor: false,
    }) as { readonly input_ids: readonly number[]; readonly token_type_ids?: readonly number[] }
    return { ids, types: types ?? ids.map(() => 0) }
  }
}
