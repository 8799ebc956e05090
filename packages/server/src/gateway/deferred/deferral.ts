/** How a caller asks to be answered later, and where it then finds the answer. Pure. */
import type { RoutedEndpoint } from '../../link/messages.ts'
import type { ClientRequest } from '../front/front.ts'

/** What is asked for below this path of an endpoint is the gateway's, and no replica sees it. */
const STATUS_PREFIX = '/.berth/requests/'

/** RFC 7240: `respond-async`, alone or among other preferences. */
const RESPOND_ASYNC = /(?:^|,)[\t ]*respond-async[\t ]*(?:[;,]|$)/i

/** A preference is no demand: where there would be nothing to poll for, it is answered at once. */
export function isDeferral({ method, headers, wantsUpgrade }: ClientRequest): boolean {
  const { prefer } = headers
  return prefer !== undefined && method !== 'HEAD' && !wantsUpgrade && RESPOND_ASYNC.test(prefer)
}

/** The id of a deferred request in an endpoint's own path; empty where something follows it that is none. */
export function deferredIdIn(path: string): string | undefined {
  if (!path.startsWith(STATUS_PREFIX)) return undefined
  return /^([\w.-]+)(?:\?.*)?$/.exec(path.slice(STATUS_PREFIX.length))?.[1] ?? ''
}

/** @param sharesHost the endpoint is one of several at this host. */
export function statusPath(
  { namespace, name }: Pick<RoutedEndpoint, 'namespace' | 'name'>,
  id: string,
  sharesHost: boolean,
): string {
  return `${sharesHost ? `/e/${namespace}/${name}` : ''}${STATUS_PREFIX}${id}`
}

/** Which worker keeps it stands in front of the dot: whichever worker is asked must find it. */
export const deferredId = (gatewayId: string, secret: string) => `${gatewayId}.${secret}`

export function ownerIn(id: string): string | undefined {
  return /^([\w-]+)\.[a-z2-7]+$/.exec(id)?.[1]
}
