/** The gateway's own choice of a replica, fed with the tokens and blocks of a trace instead of bytes and hashes. */
import type { RoutingRules } from '@berth/server/domain/routing/choose-replica'
import type { Claim } from '@berth/server/domain/routing/claim'
import { EndpointRouting } from '@berth/server/domain/routing/endpoint-routing'
import type { Prompt, RoutingRequest } from '@berth/server/domain/routing/prompt'
import { BLOCK_TOKENS } from './prefix-cache.ts'
import type { Router } from './router.ts'
import type { SimReplica } from './sim-replica.ts'
import type { Trace } from './trace.ts'

/** The gateway counts bytes. */
const BYTES_PER_TOKEN = 4
const OK = 200

export class BerthRouter implements Router {
  readonly #routing = new EndpointRouting()
  readonly #trace: Trace
  readonly #rules: RoutingRules
  readonly #replicas = new Map<string, SimReplica>()
  readonly #claims = new Map<number, Claim>()
  readonly #ends: Float64Array

  constructor(trace: Trace, rules: RoutingRules) {
    this.#trace = trace
    this.#rules = rules
    const longest = trace.blocks?.reduce((most, blocks) => Math.max(most, blocks.length), 0) ?? 0
    this.#ends = Float64Array.from({ length: longest }, (_, i) => (i + 1) * BLOCK_TOKENS * BYTES_PER_TOKEN)
  }

  list(replicas: readonly SimReplica[], now: number): void {
    this.#replicas.clear()
    for (const replica of replicas) this.#replicas.set(replica.id, replica)
    this.#routing.list(replicas, this.#rules, now)
  }

  choose(request: number, now: number): SimReplica | undefined {
    const claim = this.#routing.claim(this.#seenByGateway(request), now)
    if (!claim) return undefined
    this.#claims.set(request, claim)
    return this.#replicas.get(claim.replicaId)
  }

  begun(request: number, now: number): void {
    this.#claims.get(request)?.begun(OK, now)
  }

  ended(request: number, isLost: boolean, now: number): void {
    this.#claims.get(request)?.ended(isLost ? 'failed' : { status: OK }, now)
    this.#claims.delete(request)
  }

  #seenByGateway(request: number): RoutingRequest {
    const blocks = this.#trace.blocks?.[request]
    return {
      units: BYTES_PER_TOKEN * this.#trace.input[request]!,
      session: () => undefined,
      prompt: () => (blocks ? this.#promptOf(blocks) : undefined),
    }
  }

  /** Keys begin with 1, the numbers of blocks in a trace with 0. */
  #promptOf(blocks: readonly number[]): Prompt {
    return { keys: Float64Array.from(blocks, (block) => block + 1), ends: this.#ends }
  }
}
