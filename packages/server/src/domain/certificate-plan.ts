/**
 * When a certificate is ordered from its authority: well before it expires, and ever more rarely while that fails.
 * Pure, so that a year of renewals is a row in a table.
 */
import { hash } from 'node:crypto'

export type CertificateFacts = {
  /** What the operator wants now. */
  readonly names: readonly string[]
  readonly directory: string
  /** Milliseconds since the epoch, as all times here. */
  readonly now: number
  /** When this control process started. */
  readonly startedAt: number
  /** The newest certificate that was obtained. */
  readonly issued: IssuedFacts | null
  /** Orders that failed since. */
  readonly failures: OrderFailures | null
}

export type IssuedFacts = {
  readonly names: readonly string[]
  readonly directory: string
  /** By the clock of this machine; the others are the authority's. */
  readonly obtainedAt: number
  readonly validFrom: number
  readonly expiresAt: number
  /** Tells it from every other one. */
  readonly fingerprint: string
}

export type OrderFailures = { readonly count: number; readonly lastAt: number; readonly message: string }

/** Of its life; the rest is for authorities that are away, and for people. */
const RENEWED_AFTER = 2 / 3
/** So that those who began together do not come together: it is renewed up to this much of its life earlier. */
const SPREAD = 1 / 20
/** Of its life, from one to the next: a clock that is far ahead finds each of them expired. */
const APART = 1 / 3
const FIRST_BACK_OFF_MS = 5 * 60_000
const LONGEST_BACK_OFF_MS = 6 * 60 * 60_000
const BACK_OFF_SPREAD = 1 / 4
/** After a restart: whoever has mended what was wrong does not wait for long, and whoever starts in circles is no burden. */
const AFTER_START_MS = 10 * 60_000

/** @returns when the next order is due; that may have passed. */
export function nextOrderAt(facts: CertificateFacts): number {
  const { issued, failures, now } = facts
  const due = issued && isWanted(issued, facts) ? renewalAt(issued, now) : 0
  // One of later than now was noted before the clock was set back: how long ago it was is not known.
  return failures && failures.lastAt <= now ? Math.max(due, againAt(failures, facts)) : due
}

/** It has every name that is wanted, from the authority that is wanted. */
export function isWanted(issued: IssuedFacts, { names, directory }: CertificateFacts): boolean {
  return issued.directory === directory && names.every((name) => issued.names.includes(name))
}

function renewalAt({ obtainedAt, validFrom, expiresAt, fingerprint }: IssuedFacts, now: number): number {
  const lifeMs = expiresAt - validFrom
  const renewal = validFrom + lifeMs * (RENEWED_AFTER - SPREAD * fractionOf(fingerprint))
  return obtainedAt <= now ? Math.max(renewal, obtainedAt + lifeMs * APART) : renewal
}

function againAt({ count, lastAt }: OrderFailures, { names, startedAt }: CertificateFacts): number {
  const backOffMs = Math.min(FIRST_BACK_OFF_MS * 2 ** (count - 1), LONGEST_BACK_OFF_MS)
  const spread = 1 + BACK_OFF_SPREAD * (2 * fractionOf(`${names} ${count}`) - 1)
  const at = lastAt + backOffMs * spread
  return startedAt > lastAt ? Math.min(at, lastAt + AFTER_START_MS) : at
}

/** The same text gives the same, from 0 to less than 1. */
const fractionOf = (text: string) => Number.parseInt(hash('sha256', text, 'hex').slice(0, 8), 16) / 2 ** 32
