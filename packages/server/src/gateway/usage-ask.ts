/**
 * Asks an engine to say at the end of a stream how many tokens it was, where the client did not ask.
 *
 * One member is put into the body's JSON; all other bytes stay. An engine that refuses it gets the body as the
 * client wrote it, and the endpoint is not asked again for a while.
 */
import type { EndpointId } from '../domain/replica.ts'
import { BodyScan } from './body-scan.ts'
import type { RequestBody } from './request-body.ts'

const ASKED = Buffer.from('"stream_options":{"include_usage":true},')
/** What a body that asks for a stream has somewhere, and most others do not. */
const STREAM = Buffer.from('"stream"')
const MAY_ASK = /"stream"\s*:\s*true/
export const ASKING_BYTES = ASKED.length
type WholeBody = Pick<RequestBody, 'kept' | 'keptBytes' | 'complete'>

const OPEN_OBJECT = 0x7b
/** A larger body is not looked through for it. */
const LONGEST_BODY_BYTES = 64 * 1024
/** After an update the engine may be another one. */
const ASK_AGAIN_MS = 10 * 60_000

export class UsageAsk {
  readonly #notBefore = new Map<EndpointId, number>()

  /** Whether `body` can be made to ask, does not ask already, and asking is understood. */
  canAsk(id: EndpointId, path: string, body: WholeBody, now: number): boolean {
    if (!isCompletions(path) || !body.complete) return false
    if (body.keptBytes === 0 || body.keptBytes > LONGEST_BODY_BYTES) return false
    if (now < (this.#notBefore.get(id) ?? 0)) return false
    // Found out faster than what the body says; most are in one piece.
    if (body.kept.length === 1 && !mayAsk(body.kept[0]!)) return false
    const scan = new BodyScan()
    for (const chunk of body.kept) scan.feed(chunk)
    return scan.stream && !scan.hasStreamOptions
  }

  notUnderstood(id: EndpointId, now: number): void {
    this.#notBefore.set(id, now + ASK_AGAIN_MS)
  }

  forget(id: EndpointId): void {
    this.#notBefore.delete(id)
  }
}

const mayAsk = (body: Buffer) => body.includes(STREAM) && MAY_ASK.test(body.toString('latin1'))

/** The body of which `canAsk` said yes, asking; longer by `ASKING_BYTES`. */
export function asking({ kept }: Pick<RequestBody, 'kept'>): Buffer {
  const whole = Buffer.concat(kept)
  const inside = whole.indexOf(OPEN_OBJECT) + 1
  return Buffer.concat([whole.subarray(0, inside), ASKED, whole.subarray(inside)])
}

function isCompletions(path: string): boolean {
  const query = path.indexOf('?')
  const plain = query === -1 ? path : path.slice(0, query)
  return plain === '/v1/chat/completions' || plain === '/v1/completions'
}
