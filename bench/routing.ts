/**
 * What choosing a replica costs a request: recognising its prompt, choosing among 64, remembering, and giving back.
 *
 * The bodies are turns of many conversations, so that some blocks are known and others new, and the replicas are
 * busy, as they would be where the choice matters. Beside it, the same by fewest requests, which reads no body, and
 * what parsing the body would have cost.
 */

import type { ReplicaId } from '../packages/server/src/domain/replica.ts'
import { DEFAULT_ROUTING, type RoutingRules } from '../packages/server/src/domain/routing/choose-replica.ts'
import type { Claim } from '../packages/server/src/domain/routing/claim.ts'
import { EndpointRouting } from '../packages/server/src/domain/routing/endpoint-routing.ts'
import { loadHash, PromptPrefix } from '../packages/server/src/gateway/prompt-prefix.ts'
import { atMost, median, plain, type Row, report } from './report.ts'

const REPLICAS = 64
const IN_FLIGHT = 512
const CONVERSATIONS = 50
const KEPT_BYTES = 64 * 1024
const ROUNDS = 15
const ROUND_MS = 100
const KIB = 1024

await loadHash()
const rows: Row[] = []
for (const [label, bytes, bound] of [
  ['4 KB', 4 * KIB, 10],
  ['32 KB', 32 * KIB, 80],
  ['400 KB', 400 * KIB, 800],
] as const) {
  const bodies = turnsOf(bytes)
  const cost = decisionUs(bodies, DEFAULT_ROUTING)
  rows.push(atMost(`routing decision, ${REPLICAS} replicas, ${label} body`, cost.us, 'µs', bound))
  const fewest = decisionUs(bodies, { policy: 'least-requests', room: null })
  rows.push(plain(`  by fewest requests, ${label} body`, fewest.us, 'µs'))
  rows.push(plain(`  JSON.parse of the ${label} body`, parseUs(bodies), 'µs'))
  rows.push(plain(`  memory of prefixes, ${CONVERSATIONS} conversations of ${label}`, cost.kib, 'KiB'))
}
report('Routing', rows)

/** Every turn of a conversation repeats the bytes of the one before. */
function turnsOf(bytes: number): readonly Buffer[] {
  const bodies: Buffer[] = []
  for (let n = 0; n < CONVERSATIONS; n++) {
    const messages: { role: string; content: string }[] = []
    const words = `conversation ${n} goes on about "quoted things" and\nnew lines. `
    for (const part of [0.25, 0.5, 0.75, 1]) {
      let size = JSON.stringify(messages).length
      for (; size < part * bytes; size += 1_100) {
        messages.push({ role: messages.length % 2 ? 'assistant' : 'user', content: words.repeat(16) })
      }
    }
    for (const share of [0.5, 1]) {
      const turns = messages.slice(0, Math.ceil(share * messages.length))
      bodies.push(Buffer.from(JSON.stringify({ model: 'acme/chat', messages: turns, stream: true })))
    }
  }
  return bodies
}

/** Medians over rounds of the mean in each. */
function decisionUs(bodies: readonly Buffer[], rules: RoutingRules) {
  const routing = new EndpointRouting()
  const replicas = Array.from({ length: REPLICAS }, (_, i) => ({
    id: `replica-${i}` as ReplicaId,
    state: 'ready' as const,
  }))
  routing.list(replicas, rules, 0)
  const underWay: Claim[] = []
  let decisions = 0
  const decide = () => {
    const body = bodies[(decisions * 7) % bodies.length]!
    const now = 60_000 + decisions++
    const claim = routing.claim(new PromptPrefix(arrived(body)), now)!
    claim.begun(200, now)
    underWay.push(claim)
    if (underWay.length > IN_FLIGHT) underWay.shift()!.ended({ status: 200 }, now)
  }
  for (let i = 0; i < 2 * IN_FLIGHT; i++) decide()
  const us = median(Array.from({ length: ROUNDS }, () => meanUs(decide)))
  return { us, kib: routing.prefixBytes / KIB }
}

function parseUs(bodies: readonly Buffer[]): number {
  let at = 0
  const parse = () => JSON.parse(bodies[at++ % bodies.length]!.toString('utf8'))
  return median(Array.from({ length: 5 }, () => meanUs(parse)))
}

function meanUs(act: () => unknown): number {
  const begun = performance.now()
  let count = 0
  while (performance.now() - begun < ROUND_MS) for (let i = 0; i < 20; i++, count++) act()
  return ((performance.now() - begun) * 1_000) / count
}

/** As a gateway has it when it chooses. */
function arrived(body: Buffer) {
  const kept = [body.subarray(0, KEPT_BYTES)]
  const keptBytes = kept[0]!.length
  return {
    request: { headers: { authorization: 'Bearer secret' } },
    body: { kept, keptBytes, announcedBytes: body.length, complete: keptBytes === body.length },
  }
}
