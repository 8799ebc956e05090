/** What an endpoint is asked for: which of the playground's forms fits it. Pure. */
import type { EndpointWithStatus } from '@berth/contract'

export const playgroundKinds = ['chat', 'embeddings', 'rerank', 'classify', 'request'] as const
export type PlaygroundKind = (typeof playgroundKinds)[number]

export const KIND_LABELS: Readonly<Record<PlaygroundKind, string>> = {
  chat: 'Chat',
  embeddings: 'Embeddings',
  rerank: 'Rerank',
  classify: 'Classify',
  request: 'Any request',
}

const BY_TASK: Readonly<Record<string, PlaygroundKind>> = {
  'text-generation': 'chat',
  conversational: 'chat',
  'image-text-to-text': 'chat',
  'feature-extraction': 'embeddings',
  'sentence-similarity': 'embeddings',
  'sentence-embeddings': 'embeddings',
  'text-ranking': 'rerank',
  'sentence-ranking': 'rerank',
  'text-classification': 'classify',
}
const CHATTING_ENGINES: readonly string[] = ['llamacpp', 'vllm', 'sglang', 'tgi', 'echo']

export function kindOf({
  model,
  engine,
}: {
  readonly model: Pick<EndpointWithStatus['model'], 'task' | 'image'>
  readonly engine?: string | undefined
}): PlaygroundKind {
  const mode = model.image.llamacpp?.mode
  if (mode) return mode === 'reranking' ? 'rerank' : 'embeddings'
  const byTask = model.task ? BY_TASK[model.task] : undefined
  if (byTask) return byTask
  if (model.task) return 'request'
  if (engine === 'tei') return 'embeddings'
  return engine === undefined || CHATTING_ENGINES.includes(engine) ? 'chat' : 'request'
}

/** Whether pictures may be sent along. */
export const takesImages = (task: string | null): boolean => task === 'image-text-to-text'
