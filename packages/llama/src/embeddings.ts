/** `POST /v1/embeddings`: OpenAI's shape, as numbers or as base64 of 32-bit floats. */
import type { Engine } from './engine.ts'
import type { Exchange } from './exchange.ts'
import { Fields } from './fields.ts'

const MAX_INPUTS = 2048

export async function answerEmbeddings(engine: Engine, exchange: Exchange): Promise<void> {
  const embedder = engine.requireEmbedder()
  const fields = new Fields(exchange.body)
  const format = fields.text('encoding_format') ?? 'float'
  if (format !== 'float' && format !== 'base64') {
    throw fields.refusal('encoding_format', 'must be "float" or "base64"')
  }
  const texts = readInputs(fields).map((text) => embedder.tokens(text))
  const vectors = await embedder.embed(texts, exchange.signal)
  if (exchange.signal.aborted) return
  const tokens = texts.reduce((sum, text) => sum + text.length, 0)
  exchange.sendJson(200, {
    model: engine.settings.alias,
    object: 'list',
    usage: { prompt_tokens: tokens, total_tokens: tokens },
    data: vectors.map((vector, index) => ({
      embedding: format === 'base64' ? base64Of(vector) : [...vector],
      index,
      object: 'embedding',
    })),
  })
}

function readInputs(fields: Fields): readonly string[] {
  const name = fields.has('input') ? 'input' : 'content'
  const input = fields.raw(name)
  const texts: unknown = typeof input === 'string' ? [input] : input
  const isList = Array.isArray(texts) && texts.length > 0 && texts.length <= MAX_INPUTS
  if (!isList || !texts.every((text) => typeof text === 'string')) {
    throw fields.refusal(name, `must be a string or a list of 1 to ${MAX_INPUTS} strings`)
  }
  return texts
}

const base64Of = (vector: Float64Array) => Buffer.from(Float32Array.from(vector).buffer).toString('base64')
