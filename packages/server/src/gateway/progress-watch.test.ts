/** With a clock that the test moves: what is asked when, who is given up, and what becomes of the requests. */
import { describe, expect, test } from 'vitest'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import type { UpMessage } from '../link/messages.ts'
import { silentLog } from '../platform/log.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import type { Question, Reply } from './ask-replica.ts'
import { ProgressWatch } from './progress-watch.ts'
import { ReplicaLeases } from './replica-leases.ts'
import type { Lease } from './running-lease.ts'

const CHAT = 'chat' as EndpointId
const VITALS = {
  question: { path: '/v1/completions', body: '{"prompt":"a"}' },
  isAskedWhenIdle: true,
  counters: { path: '/metrics', names: ['steps_total'] },
}
const ASK_TIMEOUT_MS = 5_000

/** @param room for requests on a replica. */
function start({
  room = null as number | null,
  replicas = ['r1'],
  hasVitals = true,
  asksIdle = true,
  isAskedWhenIdle = true,
} = {}) {
  const clock = new FakeClock(1_000_000)
  const said: UpMessage[] = []
  const questions: string[] = []
  const returned: EndpointId[] = []
  const listed = replicas.map((id) => ({
    id: id as ReplicaId,
    host: 'h',
    port: 1,
    apiKey: null,
    state: 'ready' as const,
  }))
  const leases = new ReplicaLeases({ clock, drained: () => {}, roomCameFree: () => {} })
  leases.list(CHAT, listed, { policy: 'least-requests', room })
  const state = { steps: 0, worksOn: false, answersQuestion: false, showsPage: true, status: 200 }
  const watch = new ProgressWatch({
    clock,
    log: silentLog,
    limits: { watchEveryMs: 1_000, askEveryMs: 5_000 },
    ask: async (_replica, { path }: Question): Promise<Reply | undefined> => {
      questions.push(path)
      if (state.worksOn) state.steps++
      const answers = path === '/metrics' ? state.showsPage : state.answersQuestion
      if (!answers) await clock.sleep(ASK_TIMEOUT_MS)
      return answers ? { status: state.status, text: `steps_total ${state.steps}` } : undefined
    },
    leases,
    asksIdle,
    find: () => (hasVitals ? { vitals: { ...VITALS, isAskedWhenIdle } } : {}),
    say: (message) => void said.push(message),
    returned: (id) => void returned.push(id),
  })
  const stopped = new AbortController()
  void watch.run(stopped.signal)
  const claim = () => {
    const lease = leases.claim(CHAT)!
    let isCalledOff = false
    lease.awaits({
      callOff: () => {
        isCalledOff = true
        lease.release('failed')
      },
    })
    return { lease, isCalledOff: () => isCalledOff }
  }
  return { clock, said, questions, returned, leases, state, claim }
}

const stuckIn = (said: readonly UpMessage[]) => said.filter((message) => message.kind === 'stuck')
const answer = (lease: Lease) => {
  lease.begun(200)
  lease.release({ status: 200 })
}

describe('a replica that freezes', () => {
  test('is given up after twenty seconds, and what it has not answered is called off', async () => {
    const { clock, said, claim, leases, state } = start({ replicas: ['r1', 'r2'] })
    state.showsPage = false
    answer(claim().lease)
    const waiting = claim()
    await clock.advance(19_000)
    expect(waiting.isCalledOff()).toBe(false)
    await clock.advance(3_000)
    expect(waiting.isCalledOff()).toBe(true)
    expect(stuckIn(said)).toMatchObject([{ id: CHAT, replicaId: waiting.lease.replica.id }])
    expect(stuckIn(said)[0]?.evidence).toMatch(/1 request on it.*left the smallest question unanswered/)
    for (let i = 0; i < 4; i++) expect(leases.claim(CHAT)?.replica.id).not.toBe(waiting.lease.replica.id)
  })

  test('is found in the middle of a stream, and the stream is left to whoever ends it', async () => {
    const { clock, said, claim } = start()
    const { lease, isCalledOff } = claim()
    lease.begun(200)
    lease.advanced()
    await clock.advance(22_000)
    expect(stuckIn(said)).not.toEqual([])
    expect(isCalledOff()).toBe(false)
  })

  test('is reported again and again while the control process does nothing about it', async () => {
    const { clock, said, claim } = start()
    claim()
    await clock.advance(60_000)
    expect(stuckIn(said).length).toBeGreaterThan(3)
  })

  test('gets requests again when it shows that it works', async () => {
    const { clock, claim, leases, state, returned } = start()
    claim()
    await clock.advance(22_000)
    expect(leases.claim(CHAT)).toBeUndefined()
    state.worksOn = true
    await clock.advance(11_000)
    expect(leases.claim(CHAT)).toBeDefined()
    expect(returned).toEqual([CHAT])
  })
})

test.for([5, -5])('a clock that is set by %i hours gives nobody up, and hides nobody', async (hours) => {
  const { clock, said, claim } = start()
  claim()
  await clock.advance(5_000)
  clock.jump(hours * 3_600_000)
  await clock.advance(14_000)
  expect(stuckIn(said)).toEqual([])
  await clock.advance(3_000)
  expect(stuckIn(said)).not.toEqual([])
})

describe('a zombie, whose page and health are fine and whose requests hang', () => {
  test('is given up when it has room and leaves the question unanswered', async () => {
    const { clock, said, claim } = start({ room: 4 })
    claim()
    await clock.advance(22_000)
    expect(stuckIn(said)).not.toEqual([])
  })

  test('is given up when it is full and its counters stand still', async () => {
    const { clock, said, claim, questions } = start({ room: 2 })
    for (const _ of [1, 2]) claim()
    await clock.advance(18_000)
    expect(new Set(questions)).toEqual(new Set(['/metrics']))
    await clock.advance(10_000)
    expect(stuckIn(said)).not.toEqual([])
  })
})

describe('a replica that is busy', () => {
  test('is left alone while its counters move, although its answers come all at once and late', async () => {
    const { clock, said, claim, state } = start({ room: 2 })
    state.worksOn = true
    const held = [claim(), claim()]
    await clock.advance(600_000)
    expect(stuckIn(said)).toEqual([])
    expect(held.map(({ isCalledOff }) => isCalledOff())).toEqual([false, false])
  })

  test('is asked nothing while anybody’s answer advances', async () => {
    const { clock, questions, claim } = start({ room: 8 })
    for (let i = 0; i < 7; i++) claim()
    const { lease } = claim()
    lease.begun(200)
    for (let second = 0; second < 300; second += 5) {
      await clock.advance(5_000)
      lease.advanced()
    }
    expect(questions).toEqual([])
  })

  test('is not blamed for a client that does not read', async () => {
    const { clock, questions, said, claim } = start({ room: 1 })
    const { lease } = claim()
    lease.begun(200)
    lease.paused(true)
    await clock.advance(600_000)
    lease.paused(false)
    await clock.advance(9_000)
    expect(questions).toEqual([])
    await clock.advance(30_000)
    expect(stuckIn(said)).not.toEqual([])
  })

  test('of which nobody knows a cheap question is left to its health route', async () => {
    const { clock, questions, said, claim } = start({ hasVitals: false })
    claim()
    await clock.advance(600_000)
    expect({ questions, stuck: stuckIn(said) }).toEqual({ questions: [], stuck: [] })
  })
})

describe('a replica that has nothing to do', () => {
  const MINUTE_MS = 60_000

  test('is asked one small question every five minutes, and nothing else', async () => {
    const { clock, questions, said, state } = start()
    state.answersQuestion = true
    await clock.advance(4 * MINUTE_MS)
    expect(questions).toEqual([])
    await clock.advance(16 * MINUTE_MS + 10_000)
    expect(questions).toEqual(Array(4).fill('/v1/completions'))
    expect(stuckIn(said)).toEqual([])
  })

  test('and does not answer twice is given up before anybody needs it, and comes back when it answers', async () => {
    const { clock, said, leases, returned, state } = start({ replicas: ['r1'] })
    await clock.advance(5 * MINUTE_MS + 20_000)
    expect(stuckIn(said)[0]).toMatchObject({ id: CHAT, replicaId: 'r1' })
    expect(stuckIn(said)[0]?.evidence).toMatch(/^with nothing to do, .*left the smallest question unanswered/)
    expect(leases.claim(CHAT)).toBeUndefined()
    state.answersQuestion = true
    await clock.advance(15_000)
    expect(returned).toEqual([CHAT])
    expect(leases.claim(CHAT)).toBeDefined()
  })

  test('is not blamed for a question that it does not know, and is for one at which it fails', async () => {
    const ranks = start()
    Object.assign(ranks.state, { answersQuestion: true, status: 424 })
    await ranks.clock.advance(60 * MINUTE_MS)
    expect(stuckIn(ranks.said)).toEqual([])
    const broken = start()
    Object.assign(broken.state, { answersQuestion: true, status: 500 })
    await broken.clock.advance(6 * MINUTE_MS)
    expect(stuckIn(broken.said)).not.toEqual([])
  })

  test('is asked nothing while it has something to do for anybody, or just had', async () => {
    const { clock, questions, leases, claim } = start()
    for (let minute = 0; minute < 20; minute += 4) {
      answer(claim().lease)
      await clock.advance(4 * MINUTE_MS)
    }
    leases.setElsewhere(CHAT, new Map([['r1' as ReplicaId, { inFlight: 1, outstanding: 10, unread: 0 }]]))
    await clock.advance(60 * MINUTE_MS)
    expect(questions).toEqual([])
  })

  test.for([{ asksIdle: false }, { isAskedWhenIdle: false }, { hasVitals: false }])(
    'is left alone by the other workers, and where the question is not cheap: %j',
    async (how) => {
      const { clock, questions, said } = start(how)
      await clock.advance(60 * MINUTE_MS)
      expect({ questions, stuck: stuckIn(said) }).toEqual({ questions: [], stuck: [] })
    },
  )
})
