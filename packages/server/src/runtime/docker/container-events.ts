/**
 * Listens to the daemon for containers of ours that begin or end. Only hints: whoever hears one looks for himself.
 *
 * After every new connection all replicas are hinted at once, since nobody knows what was missed before.
 */
import type Docker from 'dockerode'
import { messageOf } from '../../domain/errors.ts'
import type { ReplicaId } from '../../domain/replica.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import { LineSplitter } from '../process/line-splitter.ts'
import { LABEL } from './container-labels.ts'
import { openStream } from './daemon.ts'

const RECONNECT_PAUSE_MS = 1_000

type Listening = {
  readonly docker: Docker
  readonly installationId: string
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
  hint(id: ReplicaId): void
  /** Called after every connection. */
  hintAll(): Promise<void>
}

/** Ends when `signal` aborts, and by nothing else. */
export async function listenToContainers(listening: Listening): Promise<void> {
  const { clock, log, signal } = listening
  while (!signal.aborted) {
    try {
      await listenOnce(listening)
    } catch (error) {
      if (!signal.aborted) log.warn('the events of the daemon broke off', { error: messageOf(error) })
    }
    await clock.sleep(RECONNECT_PAUSE_MS, signal).catch(() => {})
  }
}

async function listenOnce({ docker, installationId, signal, hint, hintAll }: Listening): Promise<void> {
  const filters = {
    type: ['container'],
    // Podman says "die" and wants to be asked for "died".
    event: ['start', 'die', 'died', 'oom', 'destroy'],
    label: [`${LABEL.installation}=${installationId}`],
  }
  const opening = openStream(docker, {
    method: 'GET',
    path: '/events',
    query: { filters: JSON.stringify(filters) },
    signal,
  })
  // Whoever fails first is heard below.
  opening.catch(() => {})
  // Not after the answer has come: Podman's comes with the first event.
  await hintAll()
  const stream = await opening
  const splitter = new LineSplitter()
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    for (const line of splitter.push(chunk)) {
      const id = replicaIn(line)
      if (id) hint(id)
    }
  }
}

function replicaIn(line: string): ReplicaId | undefined {
  try {
    const event = JSON.parse(line) as { Actor?: { Attributes?: { name?: string } } }
    return event.Actor?.Attributes?.name as ReplicaId | undefined
  } catch {
    return undefined
  }
}
