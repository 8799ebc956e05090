/** Whether a request goes to its endpoint's fallback, and why. Pure. */
import type { FallbackReason } from '@berth/contract'
import { PlatformError } from '../../domain/errors.ts'
import type { RoutedEndpoint } from '../../link/messages.ts'

export type Privacy = 'local' | 'any'

/** @throws PlatformError `invalid`: a label that is misspelt must not let a request out. */
export function privacyOf(header: string | undefined): Privacy {
  if (header === undefined || header === 'any') return 'any'
  if (header === 'local') return 'local'
  throw new PlatformError(
    'invalid',
    `x-berth-privacy is "${header.slice(0, 50)}": it must be "local" or "any".`,
    {
      field: 'x-berth-privacy',
    },
  )
}

/** Why it is not even tried at the endpoint itself: nobody there could take it now. */
export function reasonAtOnce(endpoint: RoutedEndpoint, areFull: boolean): FallbackReason | undefined {
  if (endpoint.state === 'paused') return undefined
  if (endpoint.state === 'failed') return 'failed'
  if (!endpoint.replicas.some(({ state }) => state === 'ready')) return 'cold'
  return areFull ? 'overloaded' : undefined
}

/** What went wrong at the endpoint, if that is what a fallback is for; a limit of the caller's is not. */
export function reasonOf(error: unknown): FallbackReason | undefined {
  if (!(error instanceof PlatformError)) return undefined
  switch (error.code) {
    case 'waking':
      return 'cold'
    case 'overloaded':
      return error.reason?.endsWith('_limit') ? undefined : 'overloaded'
    case 'endpoint_failed':
    case 'bad_gateway':
      return 'failed'
    case 'timeout':
      // Where its own time is over, nobody waits for another's answer.
      return error.reason === 'deadline' ? undefined : 'failed'
    default:
      return undefined
  }
}

/** Whether the step may be taken: it is for this reason, and does not take outside what is to stay here. */
export function mayStep(endpoint: RoutedEndpoint, reason: FallbackReason, privacy: Privacy): boolean {
  const { fallback } = endpoint
  if (!fallback?.on.includes(reason)) return false
  return fallback.to.kind === 'endpoint' || privacy === 'any'
}
