/** Follows an endpoint's status until there is nothing more to wait for. */
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError, type EndpointState, type EndpointWithStatus } from '@berth/contract'
import type { Session } from './session.ts'

/** A restart of the control process takes a few seconds; this many tries span half a minute. */
const MAX_RECONNECTS = 15
const RECONNECT_MS = 2_000

const SETTLED: ReadonlySet<EndpointState> = new Set([
  'running',
  'scaledToZero',
  'paused',
  'failed',
  'updateFailed',
])

/** What `resume` waits for: it may still read paused or scaledToZero when the watching begins. */
export const AWAKE_OR_FAILED: ReadonlySet<EndpointState> = new Set(['running', 'failed', 'updateFailed'])

export type Wait = {
  readonly endpoint: { readonly namespace: string; readonly name: string }
  readonly onStatus: (status: EndpointWithStatus['status']) => void
  readonly signal: AbortSignal
  readonly until?: ReadonlySet<EndpointState>
}

/** @returns the endpoint in the state it settled in; that may be `failed`. */
export async function waitUntilSettled(session: Session, wait: Wait): Promise<EndpointWithStatus> {
  const { endpoint: params, onStatus, signal, until = SETTLED } = wait
  for (let failures = 0; ; ) {
    try {
      for await (const text of await session.client.watchEndpoint({ params, signal })) {
        const endpoint = JSON.parse(text) as EndpointWithStatus
        failures = 0
        onStatus(endpoint.status)
        if (isSettled(endpoint, until)) return endpoint
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (error instanceof ApiError && !error.body.retryable) throw error
      if (failures >= MAX_RECONNECTS) throw error
    }
    failures += 1
    await sleep(failures === 1 ? 0 : RECONNECT_MS, undefined, { signal }).catch(() => {
      throw signal.reason
    })
  }
}

function isSettled({ status }: EndpointWithStatus, until: ReadonlySet<EndpointState>): boolean {
  return status.observedGeneration >= status.generation && until.has(status.state)
}
