/**
 * What each router was told of the replicas, and telling it.
 *
 * No look waits for a router: it is told beside the looks, and a look follows when it has answered. What it said yes to
 * is told again after a while and whenever it began anew, since a router forgets what it was told when its program
 * starts again behind the same address.
 */
import http from 'node:http'
import { messageOf } from '../../domain/errors.ts'
import type { ReplicaAddress, ReplicaId } from '../../domain/replica.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'

export type Backend = { readonly replicaId: ReplicaId; readonly url: string }

export type RouterToTell = {
  readonly id: ReplicaId
  readonly address: ReplicaAddress
  readonly apiKey: string
  /** Since when it answers without a break: what it was told before, it may have forgotten. */
  readonly answersSince: number
}

const ROUTE = '/_custom_router/set-backends'
const TIMEOUT_MS = 5_000
const TELL_AGAIN_MS = 25_000
const RETRY_MS = 1_000

type Told = {
  acknowledged: readonly Backend[] | undefined
  telling: readonly Backend[] | undefined
  at: number
  problem: string | undefined
}

export class RouterBackends {
  readonly #clock: Clock
  readonly #log: Log
  readonly #onAnswer: (id: ReplicaId) => void
  readonly #told = new Map<ReplicaId, Told>()

  constructor(clock: Clock, log: Log, onAnswer: (id: ReplicaId) => void) {
    this.#clock = clock
    this.#log = log
    this.#onAnswer = onAnswer
  }

  /** What it said yes to last. */
  acknowledged(id: ReplicaId): readonly Backend[] {
    return this.#told.get(id)?.acknowledged ?? []
  }

  /** Those that it may send requests to, by what it was told and is being told. */
  mayUse(id: ReplicaId): readonly ReplicaId[] {
    const { acknowledged = [], telling = [] } = this.#told.get(id) ?? {}
    return [...new Set([...acknowledged, ...telling].map(({ replicaId }) => replicaId))]
  }

  /** Why it did not say yes the last time. */
  problem(id: ReplicaId): string | undefined {
    return this.#told.get(id)?.problem
  }

  forget(id: ReplicaId): void {
    this.#told.delete(id)
  }

  /** Tells it, unless it knows or is being told. */
  tell(router: RouterToTell, backends: readonly Backend[]): void {
    const told = this.#told.get(router.id) ?? neverTold()
    this.#told.set(router.id, told)
    if (told.telling || !isDue(told, backends, router.answersSince, this.#clock.now())) return
    told.telling = backends
    told.at = this.#clock.now()
    void setBackends(router, backends)
      .then(
        () => this.#saidYes(router.id, told, backends),
        (error: unknown) => {
          told.problem = messageOf(error)
          this.#log.warn('a router did not take its backends', { router: router.id, error: told.problem })
        },
      )
      .finally(() => {
        told.telling = undefined
        this.#onAnswer(router.id)
      })
  }

  #saidYes(id: ReplicaId, told: Told, backends: readonly Backend[]): void {
    if (!isSame(told.acknowledged, backends)) {
      this.#log.info('router knows its backends', { router: id, backends: backends.length })
    }
    told.acknowledged = backends
    told.problem = undefined
  }
}

const neverTold = (): Told => ({
  acknowledged: undefined,
  telling: undefined,
  at: Number.NEGATIVE_INFINITY,
  problem: undefined,
})

const isSame = (a: readonly Backend[] | undefined, b: readonly Backend[]) =>
  JSON.stringify(a) === JSON.stringify(b)

function isDue(told: Told, backends: readonly Backend[], answersSince: number, now: number): boolean {
  if (told.problem !== undefined) return now - told.at >= RETRY_MS
  return !isSame(told.acknowledged, backends) || told.at < answersSince || now - told.at >= TELL_AGAIN_MS
}

/** @throws Error in words for a person unless it answers 2xx. */
function setBackends({ address, apiKey }: RouterToTell, backends: readonly Backend[]): Promise<void> {
  const body = JSON.stringify({ backends: backends.map(({ url }) => url) })
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        ...address,
        path: ROUTE,
        method: 'POST',
        headers: {
          authorization: `Bearer ${apiKey}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        },
        agent: false,
        timeout: TIMEOUT_MS,
      },
      (response) => {
        response.resume()
        const status = response.statusCode ?? 0
        if (status >= 200 && status < 300) resolve()
        else reject(new Error(`it answered ${status} to POST ${ROUTE}.`))
      },
    )
    request.on('timeout', () =>
      request.destroy(new Error(`it said nothing to POST ${ROUTE} for ${TIMEOUT_MS / 1_000} s.`)),
    )
    request.on('error', reject)
    request.end(body)
  })
}
