/** The door to an authority: one order for one certificate. */
import type { CertificatePair } from '../link/messages.ts'

export type OrderWish = {
  /** Of the authority, an https URL. */
  readonly directory: string
  /** Of the account there, in PEM. */
  readonly accountKey: string
  /** What the authority calls the account; null for one that it does not know yet. */
  readonly accountUrl: string | null
  /** For notices of the authority; null for none. */
  readonly email: string | null
  readonly names: readonly string[]
}

export type OrderEvents = {
  readonly registered: (accountUrl: string) => void
  /** Has the proof of a name shown until it is called with null. */
  readonly prove: (name: string, proof: CertificatePair | null) => void
}

/**
 * @throws PlatformError `unavailable` with what the authority said, or the signal's reason.
 */
export type OrderCertificate = (
  wish: OrderWish,
  events: OrderEvents,
  signal: AbortSignal,
) => Promise<CertificatePair>

/** What the process that orders says meanwhile. */
export type OrderStep =
  | { readonly kind: 'registered'; readonly accountUrl: string }
  | { readonly kind: 'proof'; readonly name: string; readonly proof: CertificatePair | null }
  | { readonly kind: 'issued'; readonly pair: CertificatePair }
  | { readonly kind: 'failed'; readonly message: string }
