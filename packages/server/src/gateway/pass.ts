/** A request that is inside its limits: what they allow it, and what it is charged when it leaves. */
import type { LimitAccount } from '../domain/limits/limit-account.ts'
import type { UsageLimits } from '../domain/limits/usage-limits.ts'
import { type Rates, ratesOf } from './rate-headers.ts'

/** An account, the name by which other workers know it, and the words in which a refusal names its holder. */
export type Limited = { readonly key: string; readonly account: LimitAccount; readonly holder: string }

/** Is told of what is charged. */
type Charging = { charge(key: string, requests: number, tokens: number): void }

export class Pass {
  /** The smaller of the limits on its body; undefined for none. */
  readonly bodyBytes: number | undefined
  /** The smaller of the limits on the time from its arrival to the end of its answer. */
  readonly requestMs: number | undefined
  /** What is left. */
  readonly rates: Rates
  readonly #charging: Charging
  readonly #limited: readonly Limited[]

  constructor(
    charging: Charging,
    limited: readonly Limited[],
    ofToken: UsageLimits | undefined,
    ofEndpoint: UsageLimits | undefined,
    now: number,
  ) {
    this.#charging = charging
    this.#limited = limited
    this.bodyBytes = smaller(ofToken?.bodyBytes, ofEndpoint?.bodyBytes)
    this.requestMs = inMs(smaller(ofToken?.requestSeconds, ofEndpoint?.requestSeconds))
    this.rates = ratesOf(limited, now)
  }

  leave(tokens: number, now: number): void {
    for (const { key, account } of this.#limited) {
      account.leave(tokens, now)
      this.#charging.charge(key, 0, tokens)
    }
  }
}

const inMs = (seconds: number | undefined) => (seconds === undefined ? undefined : seconds * 1_000)

const smaller = (a: number | undefined, b: number | undefined) =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)
