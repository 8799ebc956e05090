/** A first request that fits the endpoint. Pure. */
import type { EndpointWithStatus } from '@berth/contract'
import { kindOf } from '../playground/playground-kind.ts'
import type { CodeRequest } from '../playground/request-as-code.ts'

export function exampleRequest(endpoint: EndpointWithStatus, url: string): CodeRequest {
  const model = `${endpoint.namespace}/${endpoint.name}`
  switch (kindOf(endpoint)) {
    case 'chat':
      return {
        url,
        path: '/v1/chat/completions',
        body: { model, messages: [{ role: 'user', content: 'Hello' }], stream: true },
      }
    case 'embeddings':
      return { url, path: '/v1/embeddings', body: { model, input: 'Hello' } }
    case 'rerank':
      return { url, path: '/rerank', body: { query: 'Hello', texts: ['Good day', 'Good night'] } }
    default:
      return { url, path: '/', body: { inputs: 'Hello' } }
  }
}
