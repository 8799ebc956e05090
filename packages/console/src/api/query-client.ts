/** The cache of what the API said: asked again when it may have changed, and when Berth is back after an absence. */
import { QueryClient } from '@tanstack/react-query'
import { ApiError, Unreachable } from './client.ts'
import { onReturn } from './connection.ts'

const MAX_RETRIES = 2
const FRESH_MS = 1_000

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // A Berth on loopback is there while the machine has no network.
      networkMode: 'always',
      staleTime: FRESH_MS,
      retry: (failures, error) => failures < MAX_RETRIES && mayHelp(error),
    },
    mutations: { networkMode: 'always' },
  },
})

onReturn(() => void queryClient.invalidateQueries())

const mayHelp = (error: Error): boolean =>
  error instanceof ApiError ? error.body.retryable : !(error instanceof Unreachable)
