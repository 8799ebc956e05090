/** Which requests have one right answer, so that it can be given again. Pure. */

/** Asked with the same body these say the same, as long as the model is the same. */
const ALWAYS = new Set([
  '/v1/embeddings',
  '/embeddings',
  '/embed',
  '/embed_all',
  '/embed_sparse',
  '/v1/rerank',
  '/rerank',
  '/predict',
  '/similarity',
])
const GENERATION = new Set(['/v1/chat/completions', '/v1/completions', '/generate', '/generate_stream'])

/** Tasks whose pipelines answer at `/` and draw nothing by lot. */
const FIXED_TASKS = new Set([
  'feature-extraction',
  'sentence-similarity',
  'sentence-ranking',
  'text-ranking',
  'sentence-embeddings',
  'text-classification',
  'token-classification',
  'zero-shot-classification',
  'image-classification',
  'fill-mask',
  'question-answering',
])

/**
 * Embeddings, ranking and classification always; generation when it is told to leave nothing to chance: a
 * temperature of 0, or a seed.
 */
export function hasOneAnswer(path: string, task: string | null, body: () => unknown): boolean {
  const query = path.indexOf('?')
  const bare = query === -1 ? path : path.slice(0, query)
  if (ALWAYS.has(bare)) return true
  if (bare === '/') {
    return (
      (task !== null && FIXED_TASKS.has(task)) ||
      (task === 'text-generation' && leavesNothing(parametersOf(body())))
    )
  }
  if (!GENERATION.has(bare)) return false
  const asked = body()
  return leavesNothing(bare.startsWith('/v1/') ? asked : parametersOf(asked))
}

function leavesNothing(asked: unknown): boolean {
  if (!isObject(asked)) return false
  const { temperature, seed } = asked
  return temperature === 0 || Number.isInteger(seed)
}

/** Where text-generation-inference looks for them. */
const parametersOf = (asked: unknown) => (isObject(asked) ? asked['parameters'] : undefined)

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
