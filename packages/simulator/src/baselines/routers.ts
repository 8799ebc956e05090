/**
 * How others choose a replica, from their documentation and published source. They see the truth where theirs is scraped
 * or sent by the engine some time ago, and hand every request out at once: whatever line there is stands in the engines.
 */
import { BLOCK_TOKENS } from '../prefix-cache.ts'
import type { Router } from '../router.ts'
import type { SimReplica } from '../sim-replica.ts'
import type { Trace } from '../trace.ts'
import { ReadBlocks } from './read-blocks.ts'

type Asked = { readonly request: number; readonly input: number; readonly blocks: readonly number[] }
type Choose = (replicas: readonly SimReplica[], asked: Asked) => SimReplica

export type NamedRouter = { readonly name: string; readonly routerFor: (trace: Trace) => Router }

const NO_BLOCKS: readonly number[] = []
/** More than any trace has: a tree of 67 million nodes of characters forgets nothing in an hour. */
const UNBOUNDED_BLOCKS = 1_000_000

export const OTHER_ROUTERS: readonly NamedRouter[] = [
  router('chwbl', chwbl),
  router('sglang', sglang),
  router('llm-d', llmD),
  router('lmetric', lmetric),
]

function router(name: string, chooser: () => Choose): NamedRouter {
  return {
    name,
    routerFor: (trace) => {
      const choose = chooser()
      let serving: readonly SimReplica[] = []
      return {
        list: (replicas) => {
          serving = replicas
        },
        choose: (request) => {
          const blocks = trace.blocks?.[request] ?? NO_BLOCKS
          return serving.length === 0
            ? undefined
            : choose(serving, { request, input: trace.input[request]!, blocks })
        },
        begun: () => {},
        ended: () => {},
      }
    },
  }
}

/** KubeAI: consistent hashing of the prompt's beginning, with no replica above 1.25 times the mean load. */
function chwbl(): Choose {
  const LOAD_FACTOR = 1.25
  const POINTS = 256
  let ring: { point: number; replica: SimReplica }[] = []
  let known: readonly SimReplica[] = []
  return (replicas, { request, blocks }) => {
    if (replicas.length !== known.length || replicas.some((replica, i) => replica !== known[i])) {
      known = [...replicas]
      ring = replicas
        .flatMap((replica) =>
          Array.from({ length: POINTS }, (_, i) => ({ point: mixed(POINTS * replica.number + i), replica })),
        )
        .toSorted((a, b) => a.point - b.point)
    }
    const total = replicas.reduce((sum, { inFlight }) => sum + inFlight, 0)
    const most = (LOAD_FACTOR * (total + 1)) / replicas.length
    const point = mixed(blocks[0] ?? request)
    const first = ring.findIndex((entry) => entry.point >= point)
    for (let i = 0; i < ring.length; i++) {
      const { replica } = ring[(Math.max(0, first) + i) % ring.length]!
      if (replica.inFlight <= most) return replica
    }
    return leastBusy(replicas)
  }
}

/** SGLang's `cache_aware`: the best match if it is good enough and loads are even enough, else the least busy. */
function sglang(): Choose {
  const IMBALANCE = 64
  const IMBALANCE_RATIO = 1.5
  const MATCH_SHARE = 0.3
  const read = new ReadBlocks(UNBOUNDED_BLOCKS)
  return (replicas, { blocks }) => {
    const loads = replicas.map(({ inFlight }) => inFlight)
    const [most, least] = [Math.max(...loads), Math.min(...loads)]
    const isUneven = most - least > IMBALANCE && most > IMBALANCE_RATIO * least
    const best = isUneven ? undefined : bestMatch(replicas, blocks, read)
    const isMatch = best !== undefined && best.matched > MATCH_SHARE * blocks.length
    const chosen = isMatch ? best.replica : leastBusy(replicas)
    read.remember(chosen, blocks)
    return chosen
  }
}

/** llm-d's scheduler with the weights of its chart: queue 2, key-value cache 2, prefix 3. */
function llmD(): Choose {
  const WEIGHTS = { queue: 2, cache: 2, prefix: 3 }
  const BLOCKS_PER_REPLICA = Math.floor((31_250 * 64) / BLOCK_TOKENS)
  const read = new ReadBlocks(BLOCKS_PER_REPLICA)
  return (replicas, { blocks }) => {
    const queues = replicas.map(({ queued }) => queued)
    const [longest, shortest] = [Math.max(...queues), Math.min(...queues)]
    const score = (replica: SimReplica) => {
      const queue = longest === shortest ? 1 : (longest - replica.queued) / (longest - shortest)
      const cache = 1 - Math.min(1, replica.reservedTokens / replica.profile.contextTokens)
      const prefix = blocks.length > 0 ? read.matched(replica, blocks) / blocks.length : 0
      return WEIGHTS.queue * queue + WEIGHTS.cache * cache + WEIGHTS.prefix * prefix
    }
    const chosen = leastBy(replicas, (replica) => -score(replica))
    read.remember(chosen, blocks)
    return chosen
  }
}

/** LMetric: the prompt tokens that it would have to read, times the requests that would share it. */
function lmetric(): Choose {
  const read = new ReadBlocks(UNBOUNDED_BLOCKS)
  return (replicas, { input, blocks }) => {
    const chosen = leastBy(replicas, (replica) => {
      const fresh = Math.max(1, input - BLOCK_TOKENS * read.matched(replica, blocks))
      return (replica.unprefilledTokens + fresh) * (replica.inFlight + 1)
    })
    read.remember(chosen, blocks)
    return chosen
  }
}

function bestMatch(replicas: readonly SimReplica[], blocks: readonly number[], read: ReadBlocks) {
  let best: { replica: SimReplica; matched: number } | undefined
  for (const replica of replicas) {
    const matched = read.matched(replica, blocks)
    if (!best || matched > best.matched) best = { replica, matched }
  }
  return best
}

const leastBusy = (replicas: readonly SimReplica[]) => leastBy(replicas, ({ inFlight }) => inFlight)

function leastBy(replicas: readonly SimReplica[], score: (replica: SimReplica) => number): SimReplica {
  let best = replicas[0]!
  let bestScore = Number.POSITIVE_INFINITY
  for (const replica of replicas) {
    const own = score(replica)
    if (own >= bestScore) continue
    best = replica
    bestScore = own
  }
  return best
}

/** A whole number, scattered. */
function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x45d9f3b)
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b)
  return (hash ^ (hash >>> 16)) >>> 0
}
