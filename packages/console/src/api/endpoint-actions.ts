/**
 * What a person can do to an endpoint, and why not now: one place for lists, menus, buttons and the palette.
 *
 * A refusal is the sentence that a disabled button shows.
 */
import type { EndpointState, EndpointWithStatus } from '@berth/contract'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { toast } from '../design/toast.tsx'
import { client } from './client.ts'

export type EndpointAction = 'pause' | 'resume' | 'wake' | 'scaleToZero' | 'delete'

type ActionWords = { readonly label: string; readonly done: string; readonly failed: string }

export const ACTION_WORDS: Readonly<Record<EndpointAction, ActionWords>> = {
  pause: { label: 'Pause', done: 'is paused', failed: 'could not be paused' },
  resume: { label: 'Resume', done: 'is starting', failed: 'could not be resumed' },
  wake: { label: 'Wake up', done: 'is waking', failed: 'could not be woken' },
  scaleToZero: { label: 'Scale to zero', done: 'is scaled to zero', failed: 'could not be scaled to zero' },
  delete: { label: 'Delete', done: 'is deleted', failed: 'could not be deleted' },
}

export function actionRefusal(
  action: EndpointAction,
  endpoint: Pick<EndpointWithStatus, 'status' | 'compute'>,
): string | undefined {
  const { state } = endpoint.status
  switch (action) {
    case 'pause':
      return state === 'paused' ? 'It is paused already.' : undefined
    case 'resume':
      return state === 'paused' ? undefined : 'Only a paused endpoint can be resumed.'
    case 'wake':
      return state === 'scaledToZero' ? undefined : 'It is not scaled to zero.'
    case 'scaleToZero':
      if (endpoint.compute.scaling.minReplica > 0) {
        return `It keeps at least ${endpoint.compute.scaling.minReplica} replicas: set the minimum to 0 first.`
      }
      return SCALABLE.has(state) ? undefined : 'Nothing of it runs.'
    case 'delete':
      return undefined
  }
}

const SCALABLE: ReadonlySet<EndpointState> = new Set(['running', 'initializing', 'updating', 'updateFailed'])

/** The action that a state asks for first: beside the name of the endpoint. */
export function firstAction(state: EndpointState): EndpointAction {
  if (state === 'paused') return 'resume'
  return state === 'scaledToZero' ? 'wake' : 'pause'
}

export async function act(action: EndpointAction, namespace: string, name: string): Promise<void> {
  const call = { params: { namespace, name } }
  switch (action) {
    case 'pause':
      await client.pauseEndpoint(call)
      return
    case 'resume':
    case 'wake':
      await client.resumeEndpoint(call)
      return
    case 'scaleToZero':
      await client.scaleEndpointToZero(call)
      return
    case 'delete':
      await client.deleteEndpoint(call)
      return
  }
}

/** Does it, says how it went, and has everything about the endpoint read anew. */
export function useEndpointAction(namespace: string, name: string) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (action: EndpointAction) => act(action, namespace, name),
    onSuccess: (_, action) => toast.done(`${name} ${ACTION_WORDS[action].done}.`),
    onError: (error, action) => toast.failed(`${name} ${ACTION_WORDS[action].failed}`, error),
    onSettled: (_, error, action) => {
      if (action === 'delete' && !error) queries.removeQueries({ queryKey: ['endpoint', namespace, name] })
      else void queries.invalidateQueries({ queryKey: ['endpoint', namespace, name] })
      void queries.invalidateQueries({ queryKey: ['endpoints', namespace] })
    },
  })
}
