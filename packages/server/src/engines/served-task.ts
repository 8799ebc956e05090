/** What a replica of an engine that can do several things was started for, as its arguments and its task say. */
import type { TaskTarget } from '../domain/tasks/task-route.ts'

const FOR_EMBEDDINGS = ['feature-extraction', 'sentence-similarity', 'sentence-embeddings']
const FOR_RANKING = ['text-ranking', 'sentence-ranking']

export function servedTask(task: string | null): TaskTarget['serves'] {
  if (task === null) return 'text'
  if (FOR_EMBEDDINGS.includes(task)) return 'embeddings'
  return FOR_RANKING.includes(task) ? 'ranking' : 'text'
}
