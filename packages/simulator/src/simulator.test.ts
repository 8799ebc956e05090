import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadOfFlow, replicasNeeded } from '@berth/server/domain/scale/replicas-needed'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fixed, hpa, knative, kubeai, ray } from './baselines/baselines.ts'
import { OTHER_ROUTERS } from './baselines/routers.ts'
import { contest, type Match, run, sloPolicy } from './contest.ts'
import { EventQueue } from './event-queue.ts'
import { EVERYDAY } from './fleet.ts'
import { costAt, frontier } from './pareto.ts'
import { PrefixCache } from './prefix-cache.ts'
import { PROFILES } from './profiles.ts'
import { Random } from './random.ts'
import { requestsOfRates } from './rates.ts'
import { contestsInHtml } from './report-html.ts'
import { contestInText, routingInText, summaryInText } from './report-text.ts'
import { Requests } from './requests.ts'
import { routingContest } from './routing-contest.ts'
import { SimReplica } from './sim-replica.ts'
import { poisson, scenarios } from './synthetic.ts'
import { beginningOf, readTrace, traceOf } from './trace.ts'
import { play } from './world.ts'

const slo = { firstTokenMs: 2_000, firstTokenMsPerPromptToken: 1, interTokenMs: 100, attainment: 0.95 }
const profile = PROFILES.small
const unwatched = { firstToken: () => {}, ended: () => {} }

function matchOf(trace: Match['trace'], changes: Partial<Match> = {}): Match {
  return { trace, profile, slo, hardship: EVERYDAY, max: 20, seed: 1, ...changes }
}

const halfHour = poisson('busy', () => 4, 30 * 60_000, 3)

describe('a simulated replica', () => {
  test('answers a request alone in exactly the time that its profile says', () => {
    const requests = new Requests(traceOf('one', [{ at: 0, input: 700, output: 101 }]))
    const replica = new SimReplica(0, profile, requests)
    replica.give(0, 0)
    replica.advance(1e9, unwatched)
    const { stepMs, stepMsPerSequence, stepMsPerContextToken, prefillMsPerToken } = profile
    // 700 prompt tokens are two steps of 512 and 188; then a hundred tokens, each reading one more.
    const firstTokenMs = 2 * stepMs + 700 * prefillMsPerToken
    let decodeMs = 0
    for (let i = 0; i < 100; i++) decodeMs += stepMs + stepMsPerSequence + stepMsPerContextToken * (701 + i)
    expect(requests.firstTokenAt[0]).toBeCloseTo(firstTokenMs)
    expect(requests.finishedAt[0]).toBeCloseTo(firstTokenMs + decodeMs)
  })

  test('comes to the same however often it is looked at', () => {
    const rows = fc.array(
      fc.record({
        at: fc.nat({ max: 20_000 }),
        input: fc.integer({ min: 1, max: 3_000 }),
        output: fc.integer({ min: 1, max: 300 }),
      }),
      { minLength: 1, maxLength: 30 },
    )
    fc.assert(
      fc.property(rows, fc.integer({ min: 7, max: 5_000 }), (arrivals, everyMs) => {
        const trace = traceOf('some', arrivals)
        const worked = (lookEveryMs: number) => {
          const requests = new Requests(trace)
          const replica = new SimReplica(0, profile, requests)
          let next = 0
          for (let now = 0; now < 400_000; now += lookEveryMs) {
            for (; next < trace.at.length && trace.at[next]! <= now; next++) {
              replica.advance(trace.at[next]!, unwatched)
              replica.give(next, trace.at[next]!)
            }
            replica.advance(now, unwatched)
          }
          return requests.finishedAt
        }
        const often = worked(everyMs)
        const seldom = worked(50_000)
        for (let i = 0; i < trace.at.length; i++) expect(often[i]).toBeCloseTo(seldom[i]!, 3)
      }),
      { numRuns: 40 },
    )
  })

  test('does not work through what its prefix cache holds', () => {
    const blocks = [1, 2, 3, 4]
    const rows = [0, 60_000].map((at) => ({ at, input: 2_048, output: 1, blocks }))
    const requests = new Requests(traceOf('twice', rows))
    const replica = new SimReplica(0, profile, requests)
    replica.give(0, 0)
    replica.advance(60_000, unwatched)
    replica.give(1, 60_000)
    replica.advance(120_000, unwatched)
    const firstTokenMs = (i: number) => requests.firstTokenAt[i]! - requests.trace.at[i]!
    expect(firstTokenMs(1)).toBeLessThan(firstTokenMs(0) / 5)
  })
})

describe('a simulated world', () => {
  test('answers every request once, in every hardship', () => {
    const crashesAt = [5 * 60_000]
    const hardship = { ...EVERYDAY, crashesAt, startFailureShare: 0.3 }
    for (const policy of [knative(8), hpa(8), kubeai(8), ray(5), sloPolicy(matchOf(halfHour))]) {
      const { requests } = play({ ...matchOf(halfHour), hardship, policy, beginWith: 2 })
      const { at } = requests.trace
      const answered = at.filter((arrivedAt, i) => requests.finishedAt[i]! >= arrivedAt).length
      // Those that a dying replica was answering are lost, and only those.
      expect(at.length - answered).toBeLessThanOrEqual(profile.maxSequences)
      expect(answered).toBeGreaterThan(0.95 * at.length)
      for (let i = 0; i < at.length; i++) {
        if (requests.finishedAt[i]! < requests.firstTokenAt[i]!)
          throw new Error(`Request ${i} ended before it began.`)
      }
    }
  })

  test('is the same again with the same seed', () => {
    const once = run(matchOf(halfHour), sloPolicy(matchOf(halfHour)))
    const again = run(matchOf(halfHour), sloPolicy(matchOf(halfHour)))
    expect({ ...again, decisionUs: 0 }).toEqual({ ...once, decisionUs: 0 })
  })

  test('costs a fixed count exactly its hours, and more replicas keep more promises', () => {
    const few = run(matchOf(halfHour), fixed(4))
    const many = run(matchOf(halfHour), fixed(12))
    expect(many.replicaHours).toBeCloseTo(6, 1)
    expect(many.attainment).toBeGreaterThan(few.attainment)
    expect(many.firstTokenMs.p95).toBeLessThan(few.firstTokenMs.p95)
    expect([many.changes, many.startCommands, many.unfinished]).toEqual([0, 0, 0])
  })

  test('shows what a step of eight times the load does: within 2.5 s all that it needs is started for, in one decision', () => {
    const busy = { requestsPerSecond: 8, meanPromptTokens: 800, meanAnswerTokens: 200 }
    const needed = Math.ceil(replicasNeeded(loadOfFlow(busy, slo), slo, profile).replicas)
    expect(needed).toBeGreaterThan(4)
    for (const seed of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) {
      const step = scenarios(profile.startMs, seed).find(({ trace }) => trace.name === 'step-x8')
      if (!step) throw new Error('There is no step among the made-up loads.')
      const trace = beginningOf(step.trace, 1.1)
      const { timeline } = play({ ...matchOf(trace), policy: sloPolicy(matchOf(trace)), beginWith: 2 })
      const up = timeline.changes.find(({ at, from, to }) => at >= 3_600_000 && to > from)
      expect(up?.at, `from seed ${seed}`).toBeLessThanOrEqual(3_600_000 + 2_500)
      expect(up?.to, `from seed ${seed}`).toBeGreaterThanOrEqual(needed)
    }
  })
})

describe('a contest', () => {
  test('plays every rule and reports it as text and as a page', () => {
    const played = contest(matchOf(beginningOf(halfHour, 0.1), { max: 4 }))
    const families = new Set(played.outcomes.map(({ family }) => family))
    expect(families).toEqual(new Set(['static', 'hf', 'kpa', 'hpa', 'kubeai', 'ray', 'berth']))
    const text = contestInText(played) + summaryInText([played])
    expect(text).toContain('berth slo')
    expect(text).not.toContain('NaN')
    const page = contestsInHtml([played])
    expect(page).toContain('<svg')
    expect(page).not.toContain('NaN')
  })

  test('scores by the cost of the others at equal attainment', () => {
    const points = [
      { attainment: 0.9, replicaHours: 100 },
      { attainment: 0.98, replicaHours: 200 },
      { attainment: 0.95, replicaHours: 250 },
    ]
    expect(frontier(points)).toHaveLength(2)
    expect(costAt(0.94, points)).toBeCloseTo(150)
    expect(costAt(0.5, points)).toBe(100)
    expect(costAt(0.99, points)).toBeNull()
  })
})

describe('a contest of routing', () => {
  /** Seven conversations that each go on and on, in turn. */
  const conversations = traceOf(
    'conversations',
    Array.from({ length: 210 }, (_, i) => {
      const turn = Math.floor(i / 7)
      const blocks = Array.from({ length: 2 + turn }, (_, depth) => 1_000 * (i % 7) + depth)
      return { at: 500 * i, input: 512 * blocks.length, output: 20, blocks }
    }),
  )

  test('the gateway keeps a conversation where it has been read, and turns do not', () => {
    const { rows, replicas } = routingContest(matchOf(conversations), 4)
    const cachedBy = (choice: string) => rows.find(({ name }) => name === choice)!.outcome.cachedShare
    expect(replicas).toBe(4)
    expect(cachedBy('berth')).toBeGreaterThan(0.9)
    expect(cachedBy('round-robin')).toBeLessThan(0.8)
  })

  test('every way of choosing answers every request, and the report names each', () => {
    const played = routingContest(matchOf(beginningOf(halfHour, 0.05)))
    const text = routingInText(played)
    for (const { name, outcome } of played.rows) {
      expect(outcome.unfinished, name).toBe(0)
      expect(text).toContain(name)
    }
    expect(played.rows).toHaveLength(8)
    expect(text).not.toContain('NaN')
  })

  test('a request goes to the replica with the least to read times the most room, as LMetric has it', () => {
    const rows = [0, 1, 2].map((at) => ({ at, input: at === 0 ? 8_000 : 1_000, output: 50 }))
    const trace = traceOf('three', rows)
    const requests = new Requests(trace)
    const replicas = [0, 1].map((number) => new SimReplica(number, profile, requests))
    const lmetric = OTHER_ROUTERS.find(({ name }) => name === 'lmetric')!.routerFor(trace)
    lmetric.list(replicas, 0)
    const chosen = rows.map((_, request) => {
      const replica = lmetric.choose(request, request)!
      replica.give(request, request)
      return replica.number
    })
    // The second avoids the long prompt; the third rather shares with the second than waits behind it.
    expect(chosen).toEqual([0, 1, 1])
  })
})

describe('what it is made of', () => {
  test('events come in the order of their times, equal ones in the order they were added', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 50 }), { maxLength: 3_000 }), (times) => {
        const events = new EventQueue()
        times.forEach((at, i) => {
          events.add(at, i)
        })
        const taken = times.map(() => events.take())
        const expected = times.map((_, i) => i).toSorted((a, b) => times[a]! - times[b]! || a - b)
        expect(taken).toEqual(expected)
        expect(events.nextAt).toBe(Number.POSITIVE_INFINITY)
      }),
      { numRuns: 50 },
    )
  })

  test('a prefix cache lets the least recently used blocks go', () => {
    const cache = new PrefixCache(4)
    expect(cache.use([1, 2, 3])).toBe(0)
    expect(cache.use([1, 2, 9])).toBe(2)
    cache.use([5, 6])
    expect(cache.use([1])).toBe(1)
    // 3 and 9 had to go; 2 was used together with 1.
    expect(cache.use([1, 2, 3])).toBe(2)
    expect(cache.use([9])).toBe(0)
  })

  test('gaps have the mean of 1 and the variation that was asked for', () => {
    for (const variation of [0.5, 1, 2, 4]) {
      const random = new Random(3)
      const gaps = Array.from({ length: 200_000 }, () => random.unevenGap(variation))
      const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
      const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length
      expect(mean).toBeCloseTo(1, 1)
      expect(Math.sqrt(variance) / mean / variation).toBeCloseTo(1, 1)
    }
  })

  test('of a table of rates the last day is played, at two requests a second, as unevenly as it says', () => {
    // Two days in hours: the first is not played, in the second the afternoon has three times the morning.
    const rate = (hour: number) => (hour < 24 ? 900 : hour < 36 ? 50 : 150)
    const lines = Array.from({ length: 48 }, (_, hour) => `${3_600 * hour},${rate(hour)},1`)
    const rows = requestsOfRates(['t_s,rate_rps,mean_cv', ...lines, ''].join('\n'), 'rates.csv')
    const morning = rows.filter(({ at }) => at < 12 * 3_600_000).length
    expect(rows.length / 86_400).toBeCloseTo(2, 1)
    expect(rows.length / morning).toBeCloseTo(4, 1)
    expect(rows.every(({ at }, i) => at < 86_400_000 && (i === 0 || at >= rows[i - 1]!.at))).toBe(true)
  })

  test('traces are read from both formats and refused by the line', () => {
    const folder = mkdtempSync(join(tmpdir(), 'trace-'))
    try {
      writeFileSync(join(folder, 'a.csv'), 't_ms,input,output,client\n5,7,9,1\n2,3,4,1\n')
      writeFileSync(join(folder, 'b.jsonl'), '{"t_ms":3,"input":600,"output":2,"hash_ids":[4,5]}\n')
      writeFileSync(join(folder, 'c.csv'), 't_ms,input,output\n1,x,2\n')
      writeFileSync(join(folder, 'd.csv'), 't_s,rate_rps,mean_cv\n0,3,1\n600,x,1\n')
      expect([...readTrace(join(folder, 'a.csv')).at]).toEqual([2, 5])
      expect(readTrace(join(folder, 'b.jsonl')).blocks).toEqual([[4, 5]])
      expect(() => readTrace(join(folder, 'c.csv'))).toThrow('line 2')
      expect(() => readTrace(join(folder, 'd.csv'))).toThrow('line 3')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
