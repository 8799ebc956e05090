import type { EndpointWithStatus } from '@berth/contract'
import { describe, expect, test } from 'vitest'
import { draftOf, type EndpointDraft, updateOf } from './endpoint-draft.ts'

const endpoint = {
  type: 'private',
  tags: ['a', 'b'],
  cacheHttpResponses: false,
  compute: {
    id: 'local-default-cpu-x1',
    scaling: { minReplica: 0, maxReplica: 2, scaleToZeroTimeout: 15, measure: { pendingRequests: 2 } },
  },
  model: {
    repository: 'berth/guide',
    revision: null,
    task: null,
    image: { llamacpp: { nParallel: 4 } },
    args: ['--one'],
    env: { A: '1' },
    secrets: { TOKEN: '' },
  },
} as unknown as EndpointWithStatus
const OFFERS = [
  { id: 'local-default-cpu-x2', accelerator: 'cpu', instanceType: 'cpu', instanceSize: 'x2' },
] as const

const changed = (changes: Partial<EndpointDraft>) =>
  updateOf(endpoint, { ...draftOf(endpoint), ...changes }, OFFERS)

test('what nobody touched is not sent', () => {
  expect(changed({})).toEqual({ kind: 'update', update: {} })
})

describe('a change sends its own part alone', () => {
  test.for<[string, Partial<EndpointDraft>, object]>([
    ['who may call it', { access: 'public' }, { type: 'public' }],
    ['tags', { tags: 'a,  c ,' }, { tags: ['a', 'c'] }],
    [
      'the instance',
      { instance: 'local-default-cpu-x2' },
      { compute: { accelerator: 'cpu', instanceType: 'cpu', instanceSize: 'x2' } },
    ],
    ['the maximum', { maxReplica: '4' }, { compute: { scaling: { maxReplica: 4 } } }],
    ['never idle', { idleMinutes: '' }, { compute: { scaling: { scaleToZeroTimeout: null } } }],
    ['another threshold', { threshold: '3' }, { compute: { scaling: { measure: { pendingRequests: 3 } } } }],
    [
      'another measure',
      { measure: 'hardwareUsage', threshold: '' },
      { compute: { scaling: { measure: { hardwareUsage: null } } } },
    ],
    [
      'a promise of latency',
      { measure: 'slo', firstTokenMs: '500', interTokenMs: '50', attainmentPercent: '99' },
      {
        compute: {
          scaling: {
            measure: {
              slo: { firstTokenMs: 500, firstTokenMsPerInputToken: 0, interTokenMs: 50, attainment: 0.99 },
            },
          },
        },
      },
    ],
    [
      'a model',
      { repository: 'org/other', revision: 'v2' },
      { model: { repository: 'org/other', revision: 'v2' } },
    ],
    [
      'engine settings',
      { image: '{"llamacpp":{"nParallel":8}}' },
      { model: { image: { llamacpp: { nParallel: 8 } } } },
    ],
    ['arguments', { args: '--one\n--two\n' }, { model: { args: ['--one', '--two'] } }],
    ['a variable', { env: [{ key: 1, name: 'B', value: '2' }] }, { model: { env: { B: '2' } } }],
  ])('%s', ([, changes, update]) => {
    expect(changed(changes)).toEqual({ kind: 'update', update })
  })

  test('secrets that are new, given anew or removed; never one that was kept', () => {
    const secrets = [
      { name: 'TOKEN', value: '', isRemoved: true, isNew: false },
      { name: 'KEY', value: 'x', isRemoved: false, isNew: true },
      { name: 'GONE', value: 'x', isRemoved: true, isNew: true },
    ]
    expect(changed({ secrets })).toEqual({
      kind: 'update',
      update: { model: { secrets: { TOKEN: null, KEY: 'x' } } },
    })
    expect(changed({ secrets: [{ name: 'TOKEN', value: '', isRemoved: false, isNew: false }] })).toEqual({
      kind: 'update',
      update: {},
    })
  })
})

test('what cannot be sent is said at its field', () => {
  expect(changed({ maxReplica: 'many', image: '{' })).toEqual({
    kind: 'problems',
    problems: { maxReplica: '"many" is not a number.', image: 'This is not valid JSON.' },
  })
})
