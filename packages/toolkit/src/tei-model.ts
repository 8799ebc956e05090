/**
 * The routes of text-embeddings-inference, on a model that embeds, reranks or classifies.
 *
 * Which of the three it is says the architecture: sequence classification with one label reranks, with more it
 * classifies, everything else embeds. What a model cannot do is refused in TEI's words.
 */
import { ApiError, badField } from './api-error.ts'
import { Batcher } from './batcher.ts'
import type { Pooling, Settings } from './command-line.ts'
import { type EncodedText, Encoder, type EncoderInput } from './encoder.ts'
import { flag, isTexts, type Json, readJson, text, texts, wholeNumber } from './fields.ts'
import { cosine, normalized, pool, sigmoid, softmax } from './pooling.ts'
import type { Repository } from './repository.ts'
import type { Answer, ApiRequest, ServedModel } from './served-model.ts'
import { predictInputs } from './tei-inputs.ts'
import { loadingOf } from './transformers.ts'

type Kind = 'embedding' | 'reranker' | 'classifier'

/** One text's share of a pass: its token vectors, or its class scores. */
type Share = { readonly vectors: Float32Array; readonly tokens: number; readonly mask: readonly number[] }

export async function openTei(repository: Repository, settings: Settings): Promise<ServedModel> {
  const kind = kindOf(repository)
  const encoder = await Encoder.open(loadingOf(repository, settings), repository, kind !== 'embedding')
  // The first pass allocates what later ones use again, and shows that the model runs at all.
  await encoder.run([encoder.tokenize({ text: 'ready' }, true)])
  return new TeiModel(kind, encoder, repository, settings)
}

export function kindOf({ architecture, labels }: Pick<Repository, 'architecture' | 'labels'>): Kind {
  if (!/ForSequenceClassification$/.test(architecture)) return 'embedding'
  return labels.length <= 1 ? 'reranker' : 'classifier'
}

class TeiModel implements ServedModel {
  readonly says: string
  readonly routes: ServedModel['routes']
  readonly #kind: Kind
  readonly #encoder: Encoder
  readonly #repository: Repository
  readonly #settings: Settings
  readonly #pooling: Pooling
  readonly #batcher: Batcher<EncodedText, Share>

  constructor(kind: Kind, encoder: Encoder, repository: Repository, settings: Settings) {
    this.#kind = kind
    this.#encoder = encoder
    this.#repository = repository
    this.#settings = settings
    // What sentence-transformers takes for a model that does not say.
    this.#pooling = settings.pooling ?? repository.pooling ?? 'mean'
    this.#batcher = new Batcher(settings.maxBatchTokens, (inputs) => this.#pass(inputs))
    this.says = kind === 'embedding' ? `embeds, ${this.#pooling} pooling` : kind
    const predict = (request: ApiRequest) => this.#predict(request)
    const embed = (request: ApiRequest) => this.#embed(request)
    const rerank = (request: ApiRequest) => this.#rerank(request)
    const openai = (request: ApiRequest) => this.#openai(request)
    this.routes = new Map<string, (request: ApiRequest) => Promise<Answer>>([
      ['/', { embedding: embed, reranker: rerank, classifier: predict }[kind]],
      ['/embed', embed],
      ['/embed_all', (request) => this.#embedAll(request)],
      ['/rerank', rerank],
      ['/predict', predict],
      ['/similarity', (request) => this.#similarity(request)],
      ['/tokenize', (request) => this.#tokenize(request)],
      ['/decode', (request) => this.#decode(request)],
      ['/embeddings', openai],
      ['/v1/embeddings', openai],
    ])
  }

  info(): object {
    const { labels } = this.#repository
    const names = {
      id2label: Object.fromEntries(labels.entries()),
      label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
    }
    const { maxTokens } = this.#encoder
    return {
      model_id: this.#settings.servedName,
      model_dtype: this.#repository.dtype,
      model_type:
        this.#kind === 'embedding' ? { embedding: { pooling: this.#pooling } } : { [this.#kind]: names },
      max_concurrent_requests: this.#settings.maxConcurrentRequests,
      max_input_length: Number.isFinite(maxTokens) ? maxTokens : this.#settings.maxBatchTokens,
      max_batch_tokens: this.#settings.maxBatchTokens,
      max_client_batch_size: this.#settings.maxClientBatchSize,
      auto_truncate: this.#settings.autoTruncate,
    }
  }

  async #embed(request: ApiRequest): Promise<Answer> {
    const json = readJson(request)
    const { vectors, headers } = await this.#embedded(json, this.#inputs(json, 'inputs'))
    return { body: vectors.map((vector) => [...vector]), headers }
  }

  async #openai(request: ApiRequest): Promise<Answer> {
    const json = readJson(request)
    const format = json['encoding_format'] ?? 'float'
    if (format !== 'float' && format !== 'base64')
      throw badField('encoding_format', 'must be "float" or "base64"')
    const { vectors, tokens, headers } = await this.#embedded(json, this.#inputs(json, 'input'))
    return {
      headers,
      body: {
        object: 'list',
        data: vectors.map((vector, index) => ({
          object: 'embedding',
          index,
          embedding: format === 'base64' ? asBase64(vector) : [...vector],
        })),
        model: this.#settings.servedName,
        usage: { prompt_tokens: tokens, total_tokens: tokens },
      },
    }
  }

  async #embedAll(request: ApiRequest): Promise<Answer> {
    const json = readJson(request)
    this.#mustBe('embedding', 'embed')
    const shares = await this.#shares(this.#inputs(json, 'inputs'), json)
    const body = shares.map(({ vectors, tokens, mask }) => {
      const size = vectors.length / tokens
      return mask.flatMap((isToken, i) =>
        isToken === 1 ? [[...vectors.subarray(i * size, (i + 1) * size)]] : [],
      )
    })
    return { body }
  }

  async #similarity(request: ApiRequest): Promise<Answer> {
    const json = readJson(request)
    const inputs = json['inputs']
    if (typeof inputs !== 'object' || inputs === null)
      throw badField('inputs', 'must be an object with source_sentence and sentences')
    const source = text(inputs as Json, 'source_sentence')
    const sentences = texts(inputs as Json, 'sentences')
    this.#limitBatch(sentences.length)
    const { vectors } = await this.#embedded(json, [source, ...sentences])
    return { body: vectors.slice(1).map((vector) => cosine(vectors[0]!, vector)) }
  }

  async #rerank(request: ApiRequest): Promise<Answer> {
    this.#mustBe('reranker', 'rerank')
    const json = readJson(request)
    const query = text(json, 'query')
    const candidates = texts(json, 'texts')
    this.#limitBatch(candidates.length)
    const raw = flag(json, 'raw_scores') ?? false
    const withText = flag(json, 'return_text') ?? false
    const shares = await this.#shares(
      candidates.map((candidate) => ({ text: query, pair: candidate })),
      json,
    )
    const body = shares
      .map(({ vectors }, index) => ({
        index,
        ...(withText ? { text: candidates[index]! } : {}),
        score: raw ? vectors[0]! : sigmoid(vectors[0]!),
      }))
      .toSorted((a, b) => b.score - a.score)
    return { body }
  }

  async #predict(request: ApiRequest): Promise<Answer> {
    if (this.#kind === 'embedding') this.#mustBe('classifier', 'predict')
    const json = readJson(request)
    const { isBatch, inputs } = predictInputs(json['inputs'])
    this.#limitBatch(inputs.length)
    const raw = flag(json, 'raw_scores') ?? false
    const shares = await this.#shares(inputs, json)
    const body = shares.map(({ vectors }) => this.#predictions(vectors, raw))
    return { body: isBatch ? body : body[0] }
  }

  #predictions(scores: Float32Array, raw: boolean): { readonly score: number; readonly label: string }[] {
    const likely = raw ? scores : scores.length === 1 ? scores.map(sigmoid) : softmax(scores)
    return [...likely]
      .map((score, id) => ({ score, label: this.#repository.labels[id] ?? `LABEL_${id}` }))
      .toSorted((a, b) => b.score - a.score)
  }

  async #tokenize(request: ApiRequest): Promise<Answer> {
    const json = readJson(request)
    const special = this.#encoder.specialIds
    const body = this.#inputs(json, 'inputs').map((input) => {
      const { ids } = this.#encoder.tokenize({ text: input }, true)
      const pieces = this.#encoder.tokensOf(ids)
      const kept = ids.map((id, i) => ({ id, text: pieces[i]!, special: special.has(id) }))
      return flag(json, 'add_special_tokens') === false ? kept.filter((token) => !token.special) : kept
    })
    return { body }
  }

  async #decode(request: ApiRequest): Promise<Answer> {
    const json = readJson(request)
    const ids = json['ids']
    const isIds = (value: unknown): value is readonly number[] =>
      Array.isArray(value) && value.every((id) => Number.isInteger(id))
    const rows = isIds(ids) ? [ids] : ids
    if (!Array.isArray(rows) || !rows.every(isIds))
      throw badField('ids', 'must be a list of token ids, or of such lists')
    const skipSpecial = flag(json, 'skip_special_tokens') ?? true
    return { body: rows.map((row) => this.#encoder.decode(row, skipSpecial)) }
  }

  async #embedded(
    json: Json,
    inputs: readonly string[],
  ): Promise<{
    readonly vectors: readonly Float32Array[]
    readonly tokens: number
    readonly headers: Readonly<Record<string, string>>
  }> {
    this.#mustBe('embedding', 'embed')
    const normalize = flag(json, 'normalize') ?? true
    const dimensions = wholeNumber(json, 'dimensions', 1)
    const shares = await this.#shares(
      inputs.map((input) => ({ text: input })),
      json,
    )
    const vectors = shares.map(({ vectors: data, tokens, mask }) => {
      const pooled = pool({ data, tokens, size: data.length / tokens }, 0, mask, this.#pooling)
      if (dimensions !== undefined && dimensions > pooled.length)
        throw new ApiError(
          'Validation',
          `\`dimensions\` must not be larger than ${pooled.length}. Given: ${dimensions}`,
        )
      const cut = dimensions === undefined ? pooled : pooled.subarray(0, dimensions)
      return normalize ? normalized(cut) : cut
    })
    const tokens = shares.reduce((sum, { mask }) => sum + mask.filter((isToken) => isToken === 1).length, 0)
    return { vectors, tokens, headers: { 'x-compute-type': 'cpu', 'x-compute-tokens': String(tokens) } }
  }

  /** Texts of a field that may hold one or several. */
  #inputs(json: Json, name: string): readonly string[] {
    const value = json[name]
    const several = typeof value === 'string' ? [value] : value
    if (!isTexts(several))
      throw badField(name, value === undefined ? 'is missing' : 'must be a string or a list of strings')
    if (several.length === 0 || several.includes(''))
      throw new ApiError('Empty', `\`${name}\` cannot be empty`)
    this.#limitBatch(several.length)
    return several
  }

  async #shares(inputs: readonly (string | EncoderInput)[], json: Json): Promise<readonly Share[]> {
    const direction = json['truncation_direction'] ?? 'right'
    if (typeof direction !== 'string' || direction.toLowerCase() !== 'right')
      throw badField('truncation_direction', 'must be "right": this engine cuts the end of what is too long')
    const truncate = flag(json, 'truncate') ?? this.#settings.autoTruncate
    // All of them are read before the first is computed: a request is answered as a whole or not at all.
    const encoded = inputs.map((input) =>
      this.#encoder.tokenize(typeof input === 'string' ? { text: input } : input, truncate),
    )
    return Promise.all(encoded.map((one) => this.#batcher.submit(one, one.ids.length)))
  }

  async #pass(inputs: readonly EncodedText[]): Promise<readonly Share[]> {
    const { data, shape, masks } = await this.#encoder.run(inputs)
    const share = data.length / inputs.length
    const tokens = shape.length === 3 ? shape[1]! : 1
    return masks.map((mask, i) => ({ vectors: data.subarray(i * share, (i + 1) * share), tokens, mask }))
  }

  #limitBatch(size: number): void {
    const { maxClientBatchSize } = this.#settings
    if (size === 0) throw new ApiError('Empty', 'the request has no inputs')
    if (size <= maxClientBatchSize) return
    throw new ApiError('Validation', `batch size ${size} > maximum allowed batch size ${maxClientBatchSize}`)
  }

  #mustBe(kind: Kind, verb: string): void {
    if (this.#kind === kind) return
    const is = { embedding: 'an embedding model', reranker: 'a re-ranker', classifier: 'a classifier' }
    throw new ApiError('Backend', `this model is ${is[this.#kind]}, and cannot ${verb}`)
  }
}

const asBase64 = (vector: Float32Array) => Buffer.from(Float32Array.from(vector).buffer).toString('base64')
