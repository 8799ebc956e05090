/** What a caller of an endpoint is told when the answer is no, or not yet. */
import { PlatformError } from '../domain/errors.ts'
import { type TimeLeft, timeLeftInWords } from '../domain/start-times.ts'
import type { RoutedEndpoint } from '../link/messages.ts'
import type { NoPlace } from './hold-line.ts'
import type { GatewayLimits } from './limits.ts'

type Named = Pick<RoutedEndpoint, 'namespace' | 'name'>

const quoted = ({ namespace, name }: Named) => `"${namespace}/${name}"`

export const isPaused = (endpoint: Named) =>
  new PlatformError('paused', `Endpoint ${quoted(endpoint)} is paused. Resume it to use it again.`)

export const hasFailed = (endpoint: RoutedEndpoint) =>
  new PlatformError(
    'endpoint_failed',
    `Endpoint ${quoted(endpoint)} could not start: ${endpoint.failure ?? endpoint.message}`,
  )

/** Who comes to a door that is not its own. */
export const doorNeedsKey = () =>
  new PlatformError(
    'unauthenticated',
    'Only the router of the endpoint may come here, with the Authorization header of the request, or with CUSTOM_ROUTER_KEY.',
    { reason: 'door_key' },
  )

export const doorIsNobodys = () => new PlatformError('not_found', 'The endpoint of this door was deleted.')

/** @param left of the start; undefined when nothing is known. @param retryAfterMs told then. */
export function isWaking(
  endpoint: RoutedEndpoint,
  waitedMs: number,
  left: TimeLeft | undefined,
  retryAfterMs: number,
): PlatformError {
  const waited =
    waitedMs === 0
      ? `Endpoint ${quoted(endpoint)} has no ready replica now`
      : `Endpoint ${quoted(endpoint)} had no ready replica within ${waitedMs / 1_000} s`
  return new PlatformError(
    'waking',
    `${waited}. ${endpoint.message}${left ? ` It is expected to be ${timeLeftInWords(left)}.` : ''} Try again, or wait longer with the X-Scale-Up-Timeout header (in seconds).`,
    { retryAfterMs: left?.etaMs ?? retryAfterMs, ...(left && { etaMs: left.etaMs }) },
  )
}

export const allAreFull = (endpoint: Named, waitedMs: number, retryAfterMs: number) =>
  new PlatformError(
    'overloaded',
    `Every replica of endpoint ${quoted(endpoint)} has as many requests as it takes at once, and none came free ` +
      `within ${waitedMs / 1_000} s. Try again, or wait longer with the X-Scale-Up-Timeout header (in seconds).`,
    { reason: 'replicas_full', retryAfterMs },
  )

const NO_PLACE_WORDS = {
  requests: (limits: LineBounds) => `${limits.heldRequests} requests already wait for endpoint`,
  bytes: (limits: LineBounds) => `${limits.heldBytes} bytes of requests already wait for endpoint`,
  share: () => 'This token had the most of all requests that wait, and others came, for endpoint',
} as const

type LineBounds = Pick<GatewayLimits, 'heldRequests' | 'heldBytes'>

export const noPlace = (endpoint: Named, why: NoPlace, limits: LineBounds, retryAfterMs: number) =>
  new PlatformError(
    'overloaded',
    `${NO_PLACE_WORDS[why](limits)} ${quoted(endpoint)}, and the line is full. Try again later.`,
    { reason: `line_${why}`, retryAfterMs },
  )

export const memoryIsFull = (retryAfterMs: number) =>
  new PlatformError(
    'overloaded',
    'The gateway keeps as many request bodies as it may at the moment. Try again later.',
    { reason: 'memory_full', retryAfterMs },
  )

export const deferredBodyTooLarge = (limitBytes: number) =>
  new PlatformError(
    'too_large',
    `The request's body is larger than ${limitBytes} bytes, which is the most of a request that is answered later. Send it without "Prefer: respond-async" and wait for the answer.`,
    { reason: 'deferred_body' },
  )

const DEFERRED_WORDS = {
  all: ({ deferredRequests }: DeferredBounds) =>
    `${deferredRequests} requests that are answered later are kept here`,
  one: ({ deferredRequestsOfOne }: DeferredBounds) =>
    `This token has ${deferredRequestsOfOne} requests that are answered later`,
} as const

type DeferredBounds = Pick<
  GatewayLimits,
  | 'deferredRequests'
  | 'deferredRequestsOfOne'
  | 'deferredAnswerBytes'
  | 'deferredAnswersBytes'
  | 'retryAfterMs'
>

export const noPlaceToDefer = (endpoint: Named, who: 'all' | 'one', limits: DeferredBounds) =>
  new PlatformError(
    'overloaded',
    `${DEFERRED_WORDS[who](limits)}, and there is no place for another one for endpoint ${quoted(endpoint)}. Fetch answers that are there, delete what nobody needs, or send it without "Prefer: respond-async" and wait.`,
    { reason: 'deferred_requests', retryAfterMs: limits.retryAfterMs },
  )

export const noSuchDeferred = (keptMs: number) =>
  new PlatformError(
    'not_found',
    `No such request is known here, for this caller. An answer is kept for ${keptMs / 60_000} minutes, and only whoever asked may fetch it, with the same token.`,
    { reason: 'deferred_unknown' },
  )

export const deferredIsLost = () =>
  new PlatformError(
    'not_found',
    'The gateway worker that had this request is gone, and the request and its answer with it. Send it again.',
    { reason: 'deferred_lost' },
  )

export const noSuchMethodOfDeferred = (method: string) =>
  new PlatformError(
    'invalid',
    `A request that is answered later is fetched with GET and given up with DELETE, not with ${method.slice(0, 20)}.`,
  )

export const answerNotKept = (endpoint: Named, of: 'one' | 'all', limits: DeferredBounds) =>
  new PlatformError(
    'bad_gateway',
    `Endpoint ${quoted(endpoint)} answered with more than could be kept: ${
      of === 'one'
        ? `one answer may have ${limits.deferredAnswerBytes} bytes`
        : `all of them together may have ${limits.deferredAnswersBytes} bytes`
    }. Send it without "Prefer: respond-async" and take the answer as it comes.`,
    { reason: 'deferred_answer' },
  )

export const wasDeleted = (endpoint: Named) =>
  new PlatformError('not_found', `Endpoint ${quoted(endpoint)} was deleted while the request waited.`)

export const replicaBroke = (endpoint: Named, reason: string, retryAfterMs: number) =>
  new PlatformError(
    'bad_gateway',
    `The replica of endpoint ${quoted(endpoint)} broke off before it answered: ${reason}.`,
    { retryAfterMs },
  )

export const replicaWasSilent = (endpoint: Named, silenceMs: number) =>
  new PlatformError(
    'timeout',
    `The replica of endpoint ${quoted(endpoint)} sent nothing for ${silenceMs / 1_000} s, so the request was given up.`,
  )

/** @param nearby names that the caller may see, most useful first. */
export function isUnknown(wanted: string, nearby: readonly string[]): PlatformError {
  const hint =
    nearby.length === 0
      ? 'Check the namespace and the name.'
      : `There ${nearby.length === 1 ? 'is' : 'are'}: ${nearby.join(', ')}.`
  return new PlatformError('not_found', `There is no endpoint "${wanted}" here. ${hint}`)
}

export const isShuttingDown = (retryAfterMs: number) =>
  new PlatformError('unavailable', 'This gateway is shutting down. Try again.', {
    reason: 'gateway_shutdown',
    retryAfterMs,
  })

export const hasNoSnapshot = (retryAfterMs: number) =>
  new PlatformError(
    'unavailable',
    'The gateway has not heard from the control process yet, so it knows no endpoint. Try again in a moment.',
    { reason: 'no_snapshot', retryAfterMs },
  )

const LIMIT_WORDS = {
  requests: (limit: number) => `${limit} requests a minute`,
  tokens: (limit: number) => `${limit} tokens a minute`,
  concurrency: (limit: number) => `${limit} requests at a time`,
} as const

/** @param holder of the limit, in words. @param retryAfterMs undefined when waiting will not help. */
export function limitReached(
  kind: keyof typeof LIMIT_WORDS,
  limit: number,
  holder: string,
  retryAfterMs: number | undefined,
): PlatformError {
  const what = `The limit of ${LIMIT_WORDS[kind](limit)} for ${holder} is reached`
  const reason = `${kind}_limit`
  if (retryAfterMs === undefined) {
    return new PlatformError('quota_exceeded', `${what}. Have it raised.`, { reason })
  }
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1_000))
  return new PlatformError('overloaded', `${what}. Try again in ${seconds} s.`, { reason, retryAfterMs })
}

export const bodyTooLarge = (limitBytes: number) =>
  new PlatformError(
    'too_large',
    `The request's body is larger than ${limitBytes} bytes, which is the limit for this token or endpoint.`,
    { reason: 'body_limit' },
  )

export const taskTooLarge = (limitBytes: number) =>
  new PlatformError(
    'too_large',
    `A task call is translated for this endpoint's engine, up to ${limitBytes} bytes, and this one is longer: ask in parts, or call the engine's own route below /v1.`,
    { reason: 'task_limit' },
  )

export const adapterUnknown = (endpoint: RoutedEndpoint, adapter: string) =>
  new PlatformError(
    'not_found',
    `Endpoint ${quoted(endpoint)} has no adapter "${adapter}". ${
      endpoint.adapters ? `It has: ${endpoint.adapters.join(', ')}.` : 'It serves its model alone.'
    }`,
    { field: 'model', reason: 'adapter_unknown' },
  )

/** While an update is under way, replicas that were started before it are there. */
export const adapterIsComing = (endpoint: Named, adapter: string, retryAfterMs: number) =>
  new PlatformError(
    'waking',
    `The adapter "${adapter}" of endpoint ${quoted(endpoint)} is not on the replica that is free: it comes with the update that is under way. Try again.`,
    { reason: 'adapter_coming', retryAfterMs },
  )

export const adapterBodyTooLarge = (limitBytes: number) =>
  new PlatformError(
    'too_large',
    `A request for an adapter can have ${limitBytes} bytes, and this one is longer. Send less of it, or ask the model itself.`,
    { reason: 'adapter_body' },
  )
