/**
 * News of a namespace as it comes, put into the cache of what pages read.
 *
 * While the stream stands nobody has to ask again and again; when it breaks off, pages ask until it is back.
 */
import type { EndpointList, EndpointWithStatus, News } from '@berth/contract'
import type { QueryClient } from '@tanstack/react-query'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { client } from './client.ts'

const FIRST_RETRY_MS = 1_000
const LAST_RETRY_MS = 30_000

let live = false
/** Whether news arrive: then what is shown is new without asking. */
export const isLive = (): boolean => live

export function useNews(namespace: string): void {
  const queries = useQueryClient()
  useEffect(() => {
    const leaving = new AbortController()
    void followForever(queries, namespace, leaving.signal)
    return () => {
      leaving.abort()
      live = false
    }
  }, [queries, namespace])
}

async function followForever(queries: QueryClient, namespace: string, signal: AbortSignal): Promise<void> {
  let retryMs = FIRST_RETRY_MS
  let last: string | undefined
  while (!signal.aborted) {
    try {
      const stream = await client.watchNamespace({
        params: { namespace },
        query: last === undefined ? {} : { after: last },
        signal,
      })
      for await (const data of stream) {
        const news = JSON.parse(data) as News
        last = news.id
        retryMs = FIRST_RETRY_MS
        live = true
        apply(queries, namespace, news)
      }
    } catch {
      // Whoever asks next is told what is wrong; the stream is only a faster way to know.
    }
    live = false
    await new Promise((resolve) => setTimeout(resolve, retryMs))
    retryMs = Math.min(LAST_RETRY_MS, retryMs * 2)
  }
}

function apply(queries: QueryClient, namespace: string, news: News): void {
  switch (news.type) {
    case 'ready':
      if (news.missed) void queries.invalidateQueries()
      return
    case 'endpoint':
      queries.setQueryData<EndpointWithStatus>(['endpoint', namespace, news.endpoint.name], news.endpoint)
      queries.setQueryData<EndpointList>(
        ['endpoints', namespace],
        (list) => list && withEndpoint(list, news.endpoint),
      )
      void queries.invalidateQueries({ queryKey: ['endpoint', namespace, news.endpoint.name, 'replicas'] })
      return
    case 'gone':
      queries.setQueryData<EndpointList>(
        ['endpoints', namespace],
        (list) => list && withoutEndpoint(list, news.name),
      )
      void queries.invalidateQueries({ queryKey: ['endpoint', namespace, news.name] })
      return
    case 'event': {
      const name = news.event.endpoint?.split('/').at(-1)
      if (name === undefined) return
      void queries.invalidateQueries({ queryKey: ['endpoint', namespace, name, 'events'] })
      void queries.invalidateQueries({ queryKey: ['endpoint', namespace, name, 'revisions'] })
    }
  }
}

/** In its place, or first when it is new. */
export function withEndpoint(list: EndpointList, endpoint: EndpointWithStatus): EndpointList {
  const at = list.items.findIndex((one) => one.name === endpoint.name)
  if (at === -1) return { ...list, items: [endpoint, ...list.items], totalItems: list.totalItems + 1 }
  return { ...list, items: list.items.with(at, endpoint) }
}

export function withoutEndpoint(list: EndpointList, name: string): EndpointList {
  const items = list.items.filter((one) => one.name !== name)
  return { ...list, items, totalItems: list.totalItems - (list.items.length - items.length) }
}
