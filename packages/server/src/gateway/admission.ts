/**
 * Lets a request in, or refuses it because its token or its endpoint has used up what it may.
 *
 * What other workers let in is charged here a few milliseconds later. Of a limit on requests at a time one worker keeps
 * count, and the others ask it for a place before they let anybody in. Where none are set, nothing is kept and nothing is looked up.
 */
import type { LimitRefusal } from '../domain/limits/limit-account.ts'
import { LimitAccount } from '../domain/limits/limit-account.ts'
import type { LimitKind, UsageLimits } from '../domain/limits/usage-limits.ts'
import type { RoutedEndpoint, TokenGrant } from '../link/messages.ts'
import { type Limited, Pass } from './pass.ts'
import { type Rates, ratesOf } from './rate-headers.ts'
import * as refusals from './refusals.ts'

/** Accounts that say the same as new ones are forgotten when there are this many, and at each doubling. */
const FIRST_SWEEP_AT = 256

/** More requests than a worker lets in before the others hear of it: where so many places are free nobody is asked. */
const UNSEEN_OF_ANOTHER = 500

/** What the worker that keeps a limit on requests at a time said; a place that was taken counts as one inside. */
export type Place = 'taken' | 'none'
export type Places = ReadonlyMap<string, Place>
const NO_PLACES: Places = new Map()

/** What a worker charged to an account since it last said so, and how many requests of it are inside. */
export type Charge = {
  readonly key: string
  readonly limits: UsageLimits
  readonly requests: number
  readonly tokens: number
  readonly inside: number
}

export class Admission {
  readonly #accounts = new Map<string, LimitAccount>()
  readonly #retryAfterMs: number
  readonly #uncharged = new Map<string, { requests: number; tokens: number }>()
  /** By whom it is for: a grant or an endpoint is told as another object when anything about it has changed. */
  #known = new WeakMap<TokenGrant | RoutedEndpoint, Limited>()
  #sweepAt = FIRST_SWEEP_AT
  /** Told that there is something to tell others. */
  onCharge: (() => void) | undefined
  /** Workers that share the limits. */
  others: () => number = () => 0
  /** Asks for a place in a limit that another worker keeps. @param take called as soon as there is one. */
  keptElsewhere:
    | ((key: string, account: LimitAccount, take: () => void) => Promise<Place | undefined>)
    | undefined

  /** @param retryAfterMs for refusals whose end cannot be foreseen. */
  constructor(retryAfterMs: number) {
    this.#retryAfterMs = retryAfterMs
  }

  get accounts(): number {
    return this.#accounts.size
  }

  /** Whether another worker may have to be asked before this request may enter. */
  isShared(endpoint: RoutedEndpoint, grant: TokenGrant | undefined): boolean {
    if (this.others() === 0) return false
    return [endpoint.limits, grant?.limits].some((limits) => limits?.concurrentRequests !== undefined)
  }

  /** Takes the places that other workers keep, all of them or none. */
  async reserve(endpoint: RoutedEndpoint, grant: TokenGrant | undefined, now: number): Promise<Places> {
    const places = new Map<string, Place>()
    for (const { key, account } of this.#limitedBy(endpoint, grant, now) ?? []) {
      if (account.freePlaces > UNSEEN_OF_ANOTHER * this.others()) continue
      const place = await this.keptElsewhere?.(key, account, () => {
        account.reserve()
        this.charge(key, 0, 0)
      })
      if (place) places.set(key, place)
      if (place === 'none') break
    }
    return places
  }

  /** Whether one more may be inside a limit that this worker keeps. */
  hasPlace(key: string): boolean {
    return (this.#accounts.get(key)?.freePlaces ?? 1) > 0
  }

  /**
   * @param refused told which limit it was.
   * @param places that were reserved; they are used, or given back with the refusal.
   * @returns undefined where nothing is limited.
   * @throws PlatformError `overloaded` or `quota_exceeded`.
   */
  enter(
    endpoint: RoutedEndpoint,
    grant: TokenGrant | undefined,
    now: number,
    refused: (kind: LimitKind, rates: Rates) => void,
    places: Places = NO_PLACES,
  ): Pass | undefined {
    const limited = this.#limitedBy(endpoint, grant, now)
    if (!limited) return undefined
    for (const { key, account, holder } of limited) {
      const refusal = account.refusal(now, places.get(key))
      if (!refusal) continue
      this.#giveBack(limited, places)
      refused(refusal.kind, ratesOf(limited, now))
      throw this.#asError(refusal, holder)
    }
    for (const { key, account } of limited) {
      account.enter(now, places.get(key))
      this.charge(key, 1, 0)
    }
    return new Pass(this, limited, grant?.limits, endpoint.limits, now)
  }

  #giveBack(limited: readonly Limited[], places: Places): void {
    for (const { key, account } of limited) {
      if (places.get(key) !== 'taken') continue
      account.giveBack()
      this.charge(key, 0, 0)
    }
  }

  /** @returns undefined where nothing is limited. */
  #limitedBy(
    endpoint: RoutedEndpoint,
    grant: TokenGrant | undefined,
    now: number,
  ): readonly Limited[] | undefined {
    const ofToken = grant && this.#ofToken(grant, now)
    const ofEndpoint = this.#ofEndpoint(endpoint, now)
    if (!ofToken) return ofEndpoint && [ofEndpoint]
    return ofEndpoint ? [ofToken, ofEndpoint] : [ofToken]
  }

  #ofToken(grant: TokenGrant, now: number): Limited | undefined {
    const { limits, tokenId } = grant
    if (!limits) return undefined
    return this.#known.get(grant) ?? this.#learn(grant, `token ${tokenId}`, 'this token', limits, now)
  }

  #ofEndpoint(endpoint: RoutedEndpoint, now: number): Limited | undefined {
    const { limits, id, namespace, name } = endpoint
    if (!limits) return undefined
    const known = this.#known.get(endpoint)
    return known ?? this.#learn(endpoint, `endpoint ${id}`, `endpoint "${namespace}/${name}"`, limits, now)
  }

  #learn(
    of: TokenGrant | RoutedEndpoint,
    key: string,
    holder: string,
    limits: UsageLimits,
    now: number,
  ): Limited {
    const limited = { key, account: this.#accountOf(key, limits, now), holder }
    this.#known.set(of, limited)
    return limited
  }

  /** What was charged since the last call, for the other workers. */
  charges(): readonly Charge[] {
    const charges = [...this.#uncharged].flatMap(([key, spent]) => {
      const account = this.#accounts.get(key)
      return account ? [{ key, limits: account.limits, ...spent, inside: account.inside }] : []
    })
    this.#uncharged.clear()
    return charges
  }

  /** Accounts with requests inside, for a worker that knows nothing yet. */
  standingCharges(): readonly Charge[] {
    return [...this.#accounts].flatMap(([key, { limits, inside }]) =>
      inside > 0 ? [{ key, limits, requests: 0, tokens: 0, inside }] : [],
    )
  }

  /** @param inside of all other workers together. */
  chargedElsewhere({ key, limits, requests, tokens }: Charge, inside: number, now: number): void {
    const account = this.#accounts.get(key) ?? this.#accountOf(key, limits, now)
    account.chargedElsewhere(requests, tokens, inside, now)
  }

  /** A worker is gone, and with it what it had inside. */
  insideElsewhere(key: string, inside: number, now: number): void {
    this.#accounts.get(key)?.chargedElsewhere(0, 0, inside, now)
  }

  /** Of what is charged to an account the other workers hear too. */
  charge(key: string, requests: number, tokens: number): void {
    if (!this.onCharge) return
    const spent = this.#uncharged.get(key)
    if (spent) {
      spent.requests += requests
      spent.tokens += tokens
    } else this.#uncharged.set(key, { requests, tokens })
    this.onCharge()
  }

  #asError(refusal: LimitRefusal, holder: string) {
    const canCome = refusal.kind === 'concurrency' ? this.#retryAfterMs : refusal.retryAfterMs
    return refusals.limitReached(refusal.kind, refusal.limit, holder, canCome)
  }

  #accountOf(key: string, limits: UsageLimits, now: number): LimitAccount {
    const known = this.#accounts.get(key)
    if (known) {
      known.changeTo(limits, now)
      return known
    }
    if (this.#accounts.size >= this.#sweepAt) this.#sweep(now)
    const account = new LimitAccount(limits, now)
    this.#accounts.set(key, account)
    return account
  }

  #sweep(now: number): void {
    for (const [key, account] of this.#accounts) if (account.isFresh(now)) this.#accounts.delete(key)
    this.#known = new WeakMap()
    this.#sweepAt = Math.max(FIRST_SWEEP_AT, 2 * this.#accounts.size)
  }
}
