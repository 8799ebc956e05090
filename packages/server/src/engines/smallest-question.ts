/** The smallest questions that engines with OpenAI's routes know: how they are asked whether they work. */
import type { Vitals } from '../domain/routing/vitals.ts'

export const oneToken = (model: string): Vitals['question'] => ({
  path: '/v1/completions',
  body: JSON.stringify({ model, prompt: 'a', max_tokens: 1 }),
})

export const oneEmbedding = (model: string): Vitals['question'] => ({
  path: '/v1/embeddings',
  body: JSON.stringify({ model, input: 'a' }),
})

/** For those who speak TEI's contract: a model that ranks or classifies refuses it, and its counters alone speak then. */
export const TEI_VITALS: Vitals = {
  question: { path: '/embed', body: JSON.stringify({ inputs: 'a' }) },
  isAskedWhenIdle: true,
  counters: { path: '/metrics', names: ['te_request_success', 'te_batch_next_size_count'] },
}
