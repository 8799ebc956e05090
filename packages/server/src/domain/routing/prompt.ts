/**
 * A prompt as routing sees it: keys of its beginnings, and how much work it is.
 *
 * Two prompts share their first n keys exactly when they share their first n blocks, so what a replica has read
 * before is found without keeping any text. Where keys come from is for the caller: the gateway hashes bytes, the
 * simulator takes them from a trace.
 */

export type Prompt = {
  /** One for each block, standing for everything up to the block's end: whole numbers from 1 to 2^53 - 1. */
  readonly keys: Float64Array
  /** Where each block ends, in units. May be longer than `keys`. */
  readonly ends: Float64Array
}

/** What is known of a request when a replica is chosen for it. */
export interface RoutingRequest {
  /** How much there is to read, in bytes or tokens: one unit throughout an endpoint. */
  readonly units: number
  /** A key for what should stay together, if the client named anything. */
  session(): number | undefined
  /** Asked for only where it can make a difference, because it takes work to find out. */
  prompt(): Prompt | undefined
}

/** A request of which nothing is known. */
export const PLAIN_REQUEST: RoutingRequest = {
  units: 0,
  session: () => undefined,
  prompt: () => undefined,
}
