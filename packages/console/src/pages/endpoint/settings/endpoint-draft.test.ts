import type { EndpointWithStatus } from '@berth/contract'
import { describe, expect, test } from 'vitest'
import { draftOf, type EndpointDraft, updateOf } from './endpoint-draft.ts'

const endpoint = {
  type: 'private',
  tags: ['a', 'b'],
  routing: { requestsPerReplica: 4 },
  limits: { requestsPerMinute: 60 },
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
    command: [],
    env: { A: '1' },
    secrets: { TOKEN: '' },
  },
} as unknown as EndpointWithStatus
const OFFERS = [
  { id: 'local-default-cpu-x2', accelerator: 'cpu', instanceType: 'cpu', instanceSize: 'x2' },
] as const

const LLAMACPP = draftOf(endpoint).image

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
      { image: { ...LLAMACPP, settings: { nParallel: '8', ctxSize: '4096' } } },
      { model: { image: { llamacpp: { nParallel: 8, ctxSize: 4096 } } } },
    ],
    [
      'another engine',
      { image: { ...LLAMACPP, variant: 'vLLM', settings: {} } },
      { model: { image: { vLLM: {} } } },
    ],
    ['a command', { command: 'serve\n--all' }, { model: { command: ['serve', '--all'] } }],
    ['origins', { origins: ' https://a.example \n\n' }, { cors: { origins: ['https://a.example'] } }],
    [
      'a fallback',
      { fallback: { ...draftOf(endpoint).fallback, kind: 'endpoint', endpoint: 'other', on: ['cold'] } },
      { fallback: { endpoint: 'other', on: ['cold'] } },
    ],
    ['routing', { policy: 'least-tokens' }, { routing: { policy: 'least-tokens', requestsPerReplica: 4 } }],
    ['no routing', { requestsPerReplica: '' }, { routing: null }],
    [
      'limits',
      { limits: { ...draftOf(endpoint).limits, tokensPerMinute: '1000' } },
      { limits: { requestsPerMinute: 60, tokensPerMinute: 1000 } },
    ],
    ['no limits', { limits: { ...draftOf(endpoint).limits, requestsPerMinute: '' } }, { limits: null }],
    [
      'a schedule',
      {
        schedules: [
          { key: 0, days: ['Sat'], fromHour: '8', toHour: 'noon', minReplica: '1', timeZone: 'UTC' },
        ],
      },
      {
        compute: {
          scaling: {
            schedules: [{ days: ['Sat'], fromHour: 8, toHour: 'noon', minReplica: 1, timeZone: 'UTC' }],
          },
        },
      },
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
  expect(changed({ maxReplica: 'many' })).toEqual({
    kind: 'problems',
    problems: { maxReplica: '"many" is not a number.' },
  })
})

test('what no field stands for stays when a setting beside it changes', () => {
  const custom = {
    ...endpoint,
    model: {
      ...endpoint.model,
      image: { custom: { url: 'e:1', credentials: { username: 'me', password: '' } } },
    },
  }
  const draft = draftOf(custom)
  expect(draft.image).toMatchObject({ registryUser: 'me', registryPassword: '' })
  const image = { ...draft.image, settings: { url: 'e:2' } }
  expect(updateOf(custom, { ...draft, image }, OFFERS)).toMatchObject({
    update: { model: { image: { custom: { url: 'e:2', credentials: { username: 'me', password: '' } } } } },
  })
})
