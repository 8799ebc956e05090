/** What the pages read, by name: each with its key, so that whoever changes something knows what to read anew. */
import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { client } from './client.ts'
import { isLive } from './news.ts'

/** How often a page that is looked at asks again. */
const LIST_MS = 2_500
const ENDPOINT_MS = 1_500
const SLOW_MS = 15_000
/** With news arriving, only to be sure. */
const LIVE_MS = 60_000

const unlessLive = (ms: number) => () => (isLive() ? LIVE_MS : ms)

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
    refetchInterval: unlessLive(LIST_MS),
  })

export const endpointQuery = (namespace: string, name: string) =>
  queryOptions({
    queryKey: ['endpoint', namespace, name],
    queryFn: ({ signal }) => client.getEndpoint({ params: { namespace, name }, signal }),
    refetchInterval: unlessLive(ENDPOINT_MS),
  })

export const replicasQuery = (namespace: string, name: string) =>
  queryOptions({
    queryKey: ['endpoint', namespace, name, 'replicas'],
    queryFn: ({ signal }) => client.listReplicas({ params: { namespace, name }, signal }),
    refetchInterval: unlessLive(ENDPOINT_MS),
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
    refetchInterval: unlessLive(ENDPOINT_MS * 2),
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

/** Requests of the last hour, for a line as small as a word. */
export const recentRequestsQuery = (namespace: string, name: string) =>
  queryOptions({
    queryKey: ['endpoint', namespace, name, 'recent-requests'],
    queryFn: ({ signal }) =>
      client.readMetrics({
        params: { namespace, name },
        query: { names: 'requests', step: RECENT_STEP_S },
        signal,
      }),
    refetchInterval: RECENT_STEP_S * 1_000,
    staleTime: RECENT_STEP_S * 1_000,
    retry: false,
  })

const RECENT_STEP_S = 120

/** What Berth would run a repository with. Berth has to look at the model for it, perhaps on the Hub. */
export const recommendationQuery = (namespace: string, question: RecommendationQuestion) =>
  queryOptions({
    queryKey: ['recommendation', namespace, question],
    queryFn: ({ signal }) =>
      client.recommendConfiguration({ params: { namespace }, query: question, signal }),
    staleTime: SLOW_MS,
    retry: false,
    placeholderData: keepPreviousData,
  })

/** Models of the Hub by words of their name. Where the Hub is away, the answer says so. */
export const hubSearchQuery = (search: string) =>
  queryOptions({
    queryKey: ['hub', search],
    queryFn: ({ signal }) => client.searchHub({ query: { search }, signal }),
    enabled: search !== '',
    staleTime: SLOW_MS,
    retry: false,
  })

type RecommendationQuestion = NonNullable<Parameters<typeof client.recommendConfiguration>[0]['query']>
