/** What the pages read, by name: each with its key, so that whoever changes something knows what to read anew. */
import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { client } from './client.ts'

/** How often a page that is looked at asks again. */
const LIST_MS = 2_500
const ENDPOINT_MS = 1_500
const SLOW_MS = 15_000

export const whoamiQuery = () =>
  queryOptions({
    queryKey: ['whoami'],
    queryFn: ({ signal }) => client.whoami({ signal }),
    staleTime: 60_000,
  })

export const endpointsQuery = (namespace: string) =>
  queryOptions({
    queryKey: ['endpoints', namespace],
    queryFn: ({ signal }) => client.listEndpoints({ params: { namespace }, signal }),
    refetchInterval: LIST_MS,
  })

export const endpointQuery = (namespace: string, name: string) =>
  queryOptions({
    queryKey: ['endpoint', namespace, name],
    queryFn: ({ signal }) => client.getEndpoint({ params: { namespace, name }, signal }),
    refetchInterval: ENDPOINT_MS,
  })

export const replicasQuery = (namespace: string, name: string) =>
  queryOptions({
    queryKey: ['endpoint', namespace, name, 'replicas'],
    queryFn: ({ signal }) => client.listReplicas({ params: { namespace, name }, signal }),
    refetchInterval: ENDPOINT_MS,
  })

export const revisionsQuery = (namespace: string, name: string) =>
  queryOptions({
    queryKey: ['endpoint', namespace, name, 'revisions'],
    queryFn: ({ signal }) => client.listRevisions({ params: { namespace, name }, signal }),
    refetchInterval: SLOW_MS,
  })

export const eventsQuery = (namespace: string, name: string, limit: number) =>
  queryOptions({
    queryKey: ['endpoint', namespace, name, 'events', limit],
    queryFn: ({ signal }) => client.listEvents({ params: { namespace, name }, query: { limit }, signal }),
    refetchInterval: ENDPOINT_MS * 2,
    placeholderData: keepPreviousData,
  })

export const vendorsQuery = (namespace: string) =>
  queryOptions({
    queryKey: ['vendors', namespace],
    queryFn: ({ signal }) => client.listVendorsForNamespace({ params: { namespace }, signal }),
    refetchInterval: SLOW_MS,
  })

export const tokensQuery = () =>
  queryOptions({
    queryKey: ['tokens'],
    queryFn: ({ signal }) => client.listTokens({ signal }),
    refetchInterval: SLOW_MS,
  })

export const systemQuery = () =>
  queryOptions({
    queryKey: ['system'],
    queryFn: ({ signal }) => client.systemStatus({ signal }),
    refetchInterval: SLOW_MS,
  })
