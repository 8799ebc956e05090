/**
 * What the control process said last about endpoints and tokens, kept for finding things fast.
 *
 * It outlives the link on purpose: a gateway without a control process serves from here.
 */
import type { EndpointId } from '../domain/replica.ts'
import type { DownMessage, RoutedEndpoint, TokenGrant } from '../link/messages.ts'

export type RoutingMessage = Exclude<
  DownMessage,
  { kind: 'shutdown' | 'usage-ack' | 'hand-over' | 'certificates' }
>

/** `found` by one name; `ambiguous` lists `namespace/name` of each that fits. */
export type Lookup =
  | { readonly kind: 'found'; readonly endpoint: RoutedEndpoint }
  | { readonly kind: 'ambiguous'; readonly keys: readonly string[] }
  | { readonly kind: 'unknown' }

export const keyOf = ({ namespace, name }: Pick<RoutedEndpoint, 'namespace' | 'name'>) =>
  `${namespace}/${name}`

export class RoutingTable {
  readonly #endpoints = new Map<EndpointId, RoutedEndpoint>()
  readonly #idByKey = new Map<string, EndpointId>()
  readonly #grants = new Map<string, TokenGrant>()
  #hasSnapshot = false

  get hasSnapshot(): boolean {
    return this.#hasSnapshot
  }

  get endpoints(): readonly RoutedEndpoint[] {
    return [...this.#endpoints.values()]
  }

  /** @returns the endpoints that are new, changed or gone. */
  apply(message: RoutingMessage): readonly EndpointId[] {
    switch (message.kind) {
      case 'snapshot':
        return this.#replaceAll(message.endpoints, message.grants)
      case 'endpoint':
        this.#put(message.endpoint)
        return [message.endpoint.id]
      case 'endpoint-gone':
        this.#drop(message.id)
        return [message.id]
      case 'grant':
        this.#grants.set(message.grant.hash, message.grant)
        return []
      case 'grant-gone':
        this.#grants.delete(message.hash)
        return []
      default:
        return message satisfies never
    }
  }

  get(id: EndpointId): RoutedEndpoint | undefined {
    return this.#endpoints.get(id)
  }

  named(namespace: string, name: string): RoutedEndpoint | undefined {
    const id = this.#idByKey.get(`${namespace}/${name}`)
    return id === undefined ? undefined : this.#endpoints.get(id)
  }

  /** `{name}-{namespace}`: hyphens are legal in both, so more than one endpoint may fit. */
  byHostLabel(label: string): Lookup {
    const fitting: RoutedEndpoint[] = []
    for (let at = label.indexOf('-'); at !== -1; at = label.indexOf('-', at + 1)) {
      const name = label.slice(0, at)
      const namespace = label.slice(at + 1)
      for (const endpoint of this.#endpoints.values()) {
        if (endpoint.name === name && endpoint.namespace.toLowerCase() === namespace) fitting.push(endpoint)
      }
    }
    return oneOf(fitting)
  }

  /** By name alone, among those that `counts` accepts. */
  byBareName(name: string, counts: (endpoint: RoutedEndpoint) => boolean): Lookup {
    return oneOf(this.endpoints.filter((endpoint) => endpoint.name === name && counts(endpoint)))
  }

  grant(hash: string): TokenGrant | undefined {
    return this.#grants.get(hash)
  }

  #replaceAll(endpoints: readonly RoutedEndpoint[], grants: readonly TokenGrant[]): readonly EndpointId[] {
    const touched = new Set(this.#endpoints.keys())
    this.#endpoints.clear()
    this.#idByKey.clear()
    this.#grants.clear()
    for (const endpoint of endpoints) {
      this.#put(endpoint)
      touched.add(endpoint.id)
    }
    for (const grant of grants) this.#grants.set(grant.hash, grant)
    this.#hasSnapshot = true
    return [...touched]
  }

  #put(endpoint: RoutedEndpoint): void {
    this.#endpoints.set(endpoint.id, endpoint)
    this.#idByKey.set(keyOf(endpoint), endpoint.id)
  }

  #drop(id: EndpointId): void {
    const endpoint = this.#endpoints.get(id)
    if (!endpoint) return
    this.#endpoints.delete(id)
    // A successor of the same name may already be there.
    if (this.#idByKey.get(keyOf(endpoint)) === id) this.#idByKey.delete(keyOf(endpoint))
  }
}

function oneOf(fitting: readonly RoutedEndpoint[]): Lookup {
  const [endpoint, ...others] = fitting
  if (!endpoint) return { kind: 'unknown' }
  return others.length === 0 ? { kind: 'found', endpoint } : { kind: 'ambiguous', keys: fitting.map(keyOf) }
}
