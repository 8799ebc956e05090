/** The endpoint that the tabs of its page speak of; always the newest that is known. */
import type { EndpointWithStatus } from '@berth/contract'
import { createContext, use } from 'react'

export const EndpointContext = createContext<EndpointWithStatus | undefined>(undefined)

export function useEndpoint(): EndpointWithStatus {
  const endpoint = use(EndpointContext)
  if (!endpoint) throw new Error('useEndpoint is for the tabs of an endpoint’s page.')
  return endpoint
}
