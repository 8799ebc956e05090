import { Endpoint, type EndpointWithStatus } from '@berth/contract'
import { describe, expect, test } from 'vitest'
import { draftOf, type EndpointDraft, withoutSecrets } from './endpoint-draft.ts'
import { endpointOf, refusalOf, updateOf } from './endpoint-meaning.ts'
import { EVERYTHING } from './everything.ts'

const endpoint = {
  type: 'private',
  tags: ['a', 'b'],
  routing: { requestsPerReplica: 4 },
  limits: { requestsPerMinute: 60 },
  cacheHttpResponses: false,
  compute: {
    id: 'local-default-cpu-x1',
    accelerator: 'cpu',
    instanceType: 'cpu',
    instanceSize: 'x1',
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
const BEFORE = draftOf(endpoint)

const changed = (changes: Partial<EndpointDraft>) => updateOf(BEFORE, { ...BEFORE, ...changes })

test('what nobody touched is not sent', () => {
  expect(changed({})).toEqual({})
})

describe('a change sends its own part alone', () => {
  const gpu = { accelerator: 'gpu', instanceType: 'nvidia-l4', instanceSize: 'x1' } as const
  test.for<[string, Partial<EndpointDraft>, object]>([
    ['who may call it', { access: 'public' }, { type: 'public' }],
    ['tags', { tags: 'a,  c ,' }, { tags: ['a', 'c'] }],
    ['the cache', { cacheHttpResponses: true }, { cacheHttpResponses: true }],
    ['the instance', { instance: gpu }, { compute: { accelerator: 'gpu', instanceType: 'nvidia-l4' } }],
    ['the maximum', { maxReplica: '4' }, { compute: { scaling: { maxReplica: 4 } } }],
    ['never idle', { idle: 'never' }, { compute: { scaling: { scaleToZeroTimeout: null } } }],
    ['another idle time', { idle: '7.5' }, { compute: { scaling: { scaleToZeroTimeout: 7.5 } } }],
    ['Berth’s own measure', { measure: 'default' }, { compute: { scaling: { measure: null } } }],
    ['another threshold', { threshold: '3' }, { compute: { scaling: { measure: { pendingRequests: 3 } } } }],
    [
      'another measure',
      { measure: 'hardwareUsage', threshold: '' },
      { compute: { scaling: { measure: { hardwareUsage: null } } } },
    ],
    [
      'a promise of latency',
      { measure: 'slo', firstTokenMs: '500', interTokenMs: '50', attainmentPercent: '99.9' },
      {
        compute: {
          scaling: {
            measure: {
              slo: { firstTokenMs: 500, firstTokenMsPerInputToken: 0, interTokenMs: 50, attainment: 0.999 },
            },
          },
        },
      },
    ],
    ['no ceiling', { maxCostPerHour: '2' }, { compute: { scaling: { maxCostPerHour: 2 } } }],
    [
      'a model',
      { repository: 'org/other', revision: 'v2' },
      { model: { repository: 'org/other', revision: 'v2' } },
    ],
    [
      'engine settings',
      { image: { ...BEFORE.image, settings: { nParallel: '8', ctxSize: '4096' } } },
      { model: { image: { llamacpp: { nParallel: 8, ctxSize: 4096 } } } },
    ],
    [
      'another engine',
      { image: { ...BEFORE.image, variant: 'vLLM', settings: {} } },
      { model: { image: { vLLM: {} } } },
    ],
    ['a command', { command: 'serve\n--all' }, { model: { command: ['serve', '--all'] } }],
    ['origins', { origins: ' https://a.example \n\n' }, { cors: { origins: ['https://a.example'] } }],
    [
      'a fallback',
      { fallback: { ...BEFORE.fallback, kind: 'endpoint', endpoint: 'other', on: ['cold'] } },
      { fallback: { endpoint: 'other', on: ['cold'] } },
    ],
    ['routing', { policy: 'least-tokens' }, { routing: { policy: 'least-tokens', requestsPerReplica: 4 } }],
    ['no routing', { requestsPerReplica: '' }, { routing: null }],
    ['a router', { router: { tag: 'r:1', port: '', env: [] } }, { customRouter: { tag: 'r:1' } }],
    [
      'limits',
      { limits: { ...BEFORE.limits, tokensPerMinute: '1000' } },
      { limits: { requestsPerMinute: 60, tokensPerMinute: 1000 } },
    ],
    ['no limits', { limits: { ...BEFORE.limits, requestsPerMinute: '' } }, { limits: null }],
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
    [
      'an adapter',
      { adapters: [{ key: 0, name: 'law', repository: ' org/law ', revision: '' }] },
      { model: { adapters: { law: { repository: 'org/law' } } } },
    ],
  ])('%s', ([, changes, update]) => {
    expect(changed(changes)).toEqual(update)
  })

  test('secrets that are new, given anew or removed; never one that was kept', () => {
    const secrets = [
      { name: 'TOKEN', value: '', isRemoved: true, isNew: false },
      { name: 'KEY', value: 'x', isRemoved: false, isNew: true },
      { name: 'GONE', value: 'x', isRemoved: true, isNew: true },
    ]
    expect(changed({ secrets })).toEqual({ model: { secrets: { TOKEN: null, KEY: 'x' } } })
    expect(changed({ secrets: [{ name: 'TOKEN', value: '', isRemoved: false, isNew: false }] })).toEqual({})
  })
})

test('what is no number is sent as it is, so that the refusal names it', () => {
  expect(changed({ maxReplica: 'many' })).toEqual({ compute: { scaling: { maxReplica: 'many' } } })
})

test('what no field stands for stays when a setting beside it changes', () => {
  const before = draftOf({
    ...endpoint,
    model: {
      ...endpoint.model,
      image: { custom: { url: 'e:1', credentials: { username: 'me', password: '' } } },
    },
  })
  expect(before.image).toMatchObject({ registryUser: 'me', registryPassword: '' })
  const after = { ...before, image: { ...before.image, settings: { url: 'e:2' } } }
  expect(updateOf(before, after)).toMatchObject({
    model: { image: { custom: { url: 'e:2', credentials: { username: 'me', password: '' } } } },
  })
})

describe('an endpoint that says everything', () => {
  test('means the same after it was a draft', () => {
    const { secrets, ...model } = EVERYTHING.model
    const draft = draftOf(EVERYTHING)
    const again = endpointOf(draft, EVERYTHING)
    expect(Endpoint.safeParse(again).error).toBeUndefined()
    expect(again).toEqual({ ...EVERYTHING, model })
    expect(draft.secrets.map(({ name, value }) => [name, value])).toEqual(
      Object.keys(secrets!).map((name) => [name, '']),
    )
  })

  test('a copy asks for every secret again', () => {
    const draft = draftOf(EVERYTHING)
    const asked = { ...draft, secrets: draft.secrets.map((secret) => ({ ...secret, isNew: true })) }
    expect(refusalOf(asked)).toBe('Give a value for HF_TOKEN and OTHER_KEY, or remove them.')
    const given = asked.secrets.map((secret) => ({ ...secret, value: 'x' }))
    expect(refusalOf({ ...asked, secrets: given })).toBeUndefined()
    expect(refusalOf({ ...asked, secrets: [] })).toBeUndefined()
  })

  test('is kept without its secrets', () => {
    const draft = draftOf(EVERYTHING)
    const typed = {
      ...draft,
      image: { ...draft.image, registryPassword: 'hunter2' },
      secrets: [{ name: 'KEY', value: 'hunter2', isRemoved: false, isNew: true }],
    }
    expect(JSON.stringify(withoutSecrets(typed))).not.toContain('hunter2')
  })
})
