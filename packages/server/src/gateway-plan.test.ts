import { expect, test } from 'vitest'
import { planWorkers, type WorkerFacts } from './gateway-plan.ts'
import type { GatewayRecord } from './gateway-record.ts'

const worker = (name: string, number: number, settings = 'new'): GatewayRecord => ({
  gatewayId: name,
  worker: number,
  pid: 1,
  startTime: '1',
  startedAt: 1,
  url: 'http://127.0.0.1:1',
  host: '127.0.0.1',
  port: 1,
  settings,
})

const planned = (facts: Partial<WorkerFacts>) => {
  const { start, replace, leave } = planWorkers({
    wanted: 2,
    settings: 'new',
    living: [],
    starting: new Set(),
    leaving: new Set(),
    outdated: new Set(),
    ...facts,
  })
  return { start, replace: replace?.gatewayId, leave: leave.map(({ gatewayId }) => gatewayId) }
}

test.for<[string, Partial<WorkerFacts>, ReturnType<typeof planned>]>([
  ['nobody: all are started', {}, { start: [0, 1], replace: undefined, leave: [] }],
  [
    'as it should be: nothing',
    { living: [worker('a', 0), worker('b', 1)] },
    { start: [], replace: undefined, leave: [] },
  ],
  [
    'one died: it is started again',
    { living: [worker('a', 0)] },
    { start: [1], replace: undefined, leave: [] },
  ],
  [
    'what is being started is not started twice',
    { living: [worker('a', 0)], starting: new Set([1]) },
    { start: [], replace: undefined, leave: [] },
  ],
  [
    'too many: those beyond leave',
    { wanted: 1, living: [worker('a', 0), worker('b', 1)] },
    { start: [], replace: undefined, leave: ['b'] },
  ],
  [
    'other settings: one after another is replaced',
    { living: [worker('a', 0, 'old'), worker('b', 1, 'old')] },
    { start: [], replace: 'a', leave: [] },
  ],
  [
    'while one is replaced, the next waits',
    { living: [worker('a', 0, 'old'), worker('b', 1, 'old')], starting: new Set([0]) },
    { start: [], replace: undefined, leave: [] },
  ],
  [
    'an heir is there: who was before leaves, and the next is replaced',
    { living: [worker('a', 0, 'old'), worker('b', 1, 'old'), worker('c', 0)] },
    { start: [], replace: 'b', leave: ['a'] },
  ],
  [
    'who was told to leave is not told again',
    { living: [worker('a', 0, 'old'), worker('b', 1), worker('c', 0)], leaving: new Set(['a']) },
    { start: [], replace: undefined, leave: [] },
  ],
  [
    'who leaves without an heir is no worker any more',
    { living: [worker('a', 0), worker('b', 1)], leaving: new Set(['a']) },
    { start: [0], replace: undefined, leave: [] },
  ],
  [
    'replaced because somebody asked for it',
    { living: [worker('a', 0), worker('b', 1)], outdated: new Set(['b']) },
    { start: [], replace: 'b', leave: [] },
  ],
  [
    'two of a number after a start that failed half way: the newer stays',
    { wanted: 1, living: [worker('a', 0), worker('b', 0)] },
    { start: [], replace: undefined, leave: ['a'] },
  ],
])('%s', ([, facts, plan]) => {
  expect(planned(facts)).toEqual(plan)
})
