/** Where a request goes, from its method, URL and host alone. Pure. */

export type RequestTarget =
  | { readonly kind: 'livez' }
  | { readonly kind: 'readyz' }
  | { readonly kind: 'metrics' }
  | AddressTarget
  | ModelTarget
  /** The list of models, or the one named. */
  | { readonly kind: 'models'; readonly id: string | undefined }
  | { readonly kind: 'control' }
  | { readonly kind: 'refused'; readonly reason: string }

export type AddressTarget =
  /** An endpoint named in the path; `path` is what its replica is asked for. */
  | { readonly kind: 'endpoint'; readonly namespace: string; readonly name: string; readonly path: string }
  /** An endpoint named in the host: `{name}-{namespace}`, lower case. */
  | { readonly kind: 'host'; readonly label: string; readonly path: string }

/** An endpoint named by `model` in the body. */
export type ModelTarget = { readonly kind: 'model'; readonly path: string }

const PREFIX = '/e/'

const BY_MODEL = new Set([
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/rerank',
  '/v1/responses',
  '/v1/messages',
])

export function requestTarget(
  method: string,
  url: string,
  host: string,
  domain: string | undefined,
): RequestTarget {
  if (!url.startsWith('/')) {
    return { kind: 'refused', reason: `The request target "${url.slice(0, 100)}" must be a path.` }
  }
  const label = domain === undefined ? undefined : labelIn(host, domain)
  if (label !== undefined) return { kind: 'host', label, path: url }

  const path = pathOf(url)
  if (path.startsWith(PREFIX)) return endpointIn(url, path)
  if (path === '/livez' || path === '/readyz') return { kind: path.slice(1) as 'livez' | 'readyz' }
  const reads = method === 'GET' || method === 'HEAD'
  if (reads && path === '/metrics') return { kind: 'metrics' }
  if (reads && path === '/v1/models') return { kind: 'models', id: undefined }
  if (reads && path.startsWith('/v1/models/')) return { kind: 'models', id: path.slice('/v1/models/'.length) }
  if (method === 'POST' && (BY_MODEL.has(path) || path.startsWith('/v1/audio/'))) {
    return { kind: 'model', path: url }
  }
  return { kind: 'control' }
}

const pathOf = (url: string) => {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}

/** `/e/{namespace}/{name}` and what follows. */
function endpointIn(url: string, path: string): RequestTarget {
  const slash = path.indexOf('/', PREFIX.length)
  const end = path.indexOf('/', slash + 1)
  const namespace = path.slice(PREFIX.length, slash)
  const name = end === -1 ? path.slice(slash + 1) : path.slice(slash + 1, end)
  if (slash === -1 || namespace === '' || name === '') {
    return { kind: 'refused', reason: 'An endpoint is called at /e/{namespace}/{name}/ and its own path.' }
  }
  const rest = url.slice(slash + 1 + name.length)
  return { kind: 'endpoint', namespace, name, path: rest.startsWith('/') ? rest : `/${rest}` }
}

/** The one label before `.{domain}`; undefined for the domain itself and for any other host. */
function labelIn(host: string, domain: string): string | undefined {
  const name = host.toLowerCase().replace(/:\d+$/, '')
  if (!name.endsWith(`.${domain}`)) return undefined
  const label = name.slice(0, -domain.length - 1)
  return label === '' || label.includes('.') ? undefined : label
}
