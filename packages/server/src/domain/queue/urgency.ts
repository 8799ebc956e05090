/** How urgent a request is: the `u` of the Priority header (RFC 9218), as far as its token may ask for it. */
import type { Urgency } from './waiting-line.ts'

/** What a request is that says nothing, and the most urgent that a token may ask for unless it was given more. */
export const USUAL_URGENCY: Urgency = 3

/**
 * A header that cannot be read counts as none, as the standard says.
 * @param most the most urgent that its token may ask for.
 */
export function urgencyOf(header: string | undefined, most: Urgency = USUAL_URGENCY): Urgency {
  const asked = /(?:^|[,\s])u=([0-7])(?=$|[,;\s])/.exec(header ?? '')?.[1]
  return Math.max(most, asked === undefined ? USUAL_URGENCY : Number(asked))
}
