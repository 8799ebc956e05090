/** The routing table as the gateways are told it: complete for a new gateway, and each change to all of them. */
import type { EndpointId } from './domain/replica.ts'
import type {
  DownMessage,
  RoutedEndpoint,
  RoutingSnapshot,
  ShownCertificates,
  TokenGrant,
} from './link/messages.ts'

export class Routing {
  readonly #endpoints = new Map<EndpointId, RoutedEndpoint>()
  readonly #grants = new Map<string, TokenGrant>()
  #certificates: ShownCertificates | undefined
  /** Set once the link is open; before, there is nobody to tell. */
  broadcast: (message: Exclude<DownMessage, { kind: 'snapshot' | 'usage-ack' | 'hand-over' }>) => void =
    () => {}

  snapshot(): RoutingSnapshot {
    return {
      endpoints: [...this.#endpoints.values()],
      grants: [...this.#grants.values()],
      ...(this.#certificates && { certificates: this.#certificates }),
    }
  }

  publish(endpoint: RoutedEndpoint): void {
    const before = this.#endpoints.get(endpoint.id)
    if (before && JSON.stringify(before) === JSON.stringify(endpoint)) return
    this.#endpoints.set(endpoint.id, endpoint)
    this.broadcast({ kind: 'endpoint', endpoint })
  }

  unpublish(id: EndpointId): void {
    if (this.#endpoints.delete(id)) this.broadcast({ kind: 'endpoint-gone', id })
  }

  grant(grant: TokenGrant): void {
    this.#grants.set(grant.hash, grant)
    this.broadcast({ kind: 'grant', grant })
  }

  revoke(hash: string): void {
    if (this.#grants.delete(hash)) this.broadcast({ kind: 'grant-gone', hash })
  }

  show(certificates: ShownCertificates): void {
    this.#certificates = certificates
    this.broadcast({ kind: 'certificates', certificates })
  }

  /** How many endpoints are in each state. */
  states(): Record<string, number> {
    const states: Record<string, number> = {}
    for (const { state } of this.#endpoints.values()) states[state] = (states[state] ?? 0) + 1
    return states
  }
}
