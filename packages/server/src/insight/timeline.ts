/** From events to what a timeline draws: lives of replicas as spans, and markers on every graph. Pure. */
import type { Marker, ReplicaLife } from '@berth/contract'
import type { EventRecord } from '../store/store.ts'

/** What explains a step in a graph. Single replicas that come and go as they should do not. */
const MARKING = [
  'endpoint.created',
  'endpoint.updated',
  'endpoint.rolled-back',
  'endpoint.paused',
  'endpoint.resumed',
  'endpoint.scaled-to-zero',
  'scale.changed',
  'replica.failed',
]
export const MARKING_KINDS: readonly string[] = MARKING
export const REPLICA_KINDS: readonly string[] = ['replica']

export function markersOf(events: readonly EventRecord[]): Marker[] {
  return events
    .map(({ at, kind, message, actor, details, sequence }) => ({
      at: iso(at),
      kind,
      message,
      actor: actor.name,
      revision: typeof details['revision'] === 'number' ? details['revision'] : null,
      sequence,
    }))
    .toSorted((a, b) => a.sequence - b.sequence)
}

type Life = {
  readonly id: string
  revision: number | null
  spans: { phase: 'starting' | 'ready' | 'draining'; from: number; to: number | null }[]
  failure: string | undefined
  gone: { at: number; reason: string; failed: boolean } | undefined
}

export type StillThere = { readonly id: string; readonly revision: number; readonly startedAt: number }

/**
 * @param events about replicas, the oldest first; the range may begin in the middle of a life.
 * @param there what runs now: whatever else has no end was lost sight of, and ends with its last event.
 * @returns those that were there at any time of the range, the first one first.
 */
export function replicaLives(
  events: readonly EventRecord[],
  there: readonly StillThere[],
  range: { readonly from: number; readonly to: number },
): ReplicaLife[] {
  const lives = new Map<string, Life>()
  for (const { id, revision, startedAt } of there) {
    lives.set(id, {
      id,
      revision,
      spans: [{ phase: 'starting', from: startedAt, to: null }],
      failure: undefined,
      gone: undefined,
    })
  }
  for (const event of events) takeIn(lives, event)
  const isThere = new Set(there.map(({ id }) => id))
  for (const life of lives.values()) if (!life.gone && !isThere.has(life.id)) loseSight(life)
  return [...lives.values()]
    .filter((life) => startOf(life) < range.to && (life.gone?.at ?? range.to) >= range.from)
    .toSorted((a, b) => startOf(a) - startOf(b))
    .map(asReplicaLife)
}

function takeIn(lives: Map<string, Life>, { kind, at, message, details }: EventRecord): void {
  const id = details['replica']
  if (typeof id !== 'string') return
  const revision = typeof details['revision'] === 'number' ? details['revision'] : null
  const life = lives.get(id) ?? { id, revision, spans: [], failure: undefined, gone: undefined }
  life.revision ??= revision
  lives.set(id, life)
  switch (kind) {
    case 'replica.started':
      if (life.spans.length === 0) enter(life, 'starting', at)
      break
    case 'replica.ready': {
      const tookMs = typeof details['tookMs'] === 'number' ? details['tookMs'] : 0
      if (life.spans.length === 0 && tookMs > 0) enter(life, 'starting', at - tookMs)
      enter(life, 'ready', at)
      break
    }
    case 'replica.draining':
      enter(life, 'draining', at)
      break
    case 'replica.failed':
      life.failure = message
      leave(life, at, message, true)
      break
    case 'replica.stopped': {
      const reason = life.failure ?? (typeof details['reason'] === 'string' ? details['reason'] : 'stopped')
      leave(life, life.gone?.at ?? at, reason, life.failure !== undefined)
      break
    }
    default:
  }
}

function enter(life: Life, phase: Life['spans'][number]['phase'], at: number): void {
  const last = life.spans.at(-1)
  if (last?.phase === phase) return
  if (last) last.to = at
  life.spans.push({ phase, from: at, to: null })
}

function leave(life: Life, at: number, reason: string, failed: boolean): void {
  const last = life.spans.at(-1)
  if (last) last.to ??= at
  else life.spans.push({ phase: 'draining', from: at, to: at })
  life.gone = { at, reason, failed }
}

/** The control process was away when it went: when exactly, nobody saw. */
function loseSight(life: Life): void {
  const last = life.spans.at(-1)
  leave(life, last?.to ?? last?.from ?? 0, 'went while nobody looked', false)
}

const startOf = (life: Life) => life.spans[0]?.from ?? life.gone?.at ?? 0

const asReplicaLife = ({ id, revision, spans, gone }: Life): ReplicaLife => ({
  id,
  revision,
  spans: spans.map(({ phase, from, to }) => ({
    phase,
    start: iso(from),
    stop: to === null ? null : iso(to),
  })),
  gone: gone ? { at: iso(gone.at), reason: gone.reason, failed: gone.failed } : null,
})

const iso = (ms: number) => new Date(ms).toISOString()
