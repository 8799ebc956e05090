import { describe, expect, test } from 'vitest'
import {
  acceptScaling,
  launchPart,
  mergeUpdate,
  refuseReservedEnvironment,
  refuseUnaffordable,
  refuseUnavailable,
} from './accept-endpoint.ts'
import type { EndpointSpec } from './endpoint.ts'

const spec: EndpointSpec = {
  name: 'chat',
  type: 'private',
  provider: { vendor: 'local', region: 'default' },
  compute: {
    id: 'local-default-cpu-x1',
    accelerator: 'cpu',
    instanceType: 'cpu',
    instanceSize: 'x1',
    scaling: { minReplica: 0, maxReplica: 2, scaleToZeroTimeout: 15, measure: { pendingRequests: 3 } },
  },
  model: {
    repository: 'org/model',
    revision: 'abc',
    framework: 'llamacpp',
    task: null,
    image: { llamacpp: { ctxSize: 1024 } },
    args: ['--a'],
    command: [],
    env: { A: '1' },
    secretNames: [],
  },
  tags: ['old'],
}

describe('an update', () => {
  test('merges objects deeply and keeps what it does not name', () => {
    const { compute } = mergeUpdate(spec, { compute: { scaling: { maxReplica: 5 } } })
    expect(compute.scaling).toEqual({ ...spec.compute.scaling, maxReplica: 5 })
    expect(compute.instanceType).toBe('cpu')
  })

  test('replaces image, args, env and tags as wholes', () => {
    const update = {
      model: { image: { llamacpp: { nParallel: 2 } }, args: [], env: { B: '2' } },
      tags: ['new'],
    }
    const merged = mergeUpdate(spec, update)
    expect(merged.model).toMatchObject({ image: { llamacpp: { nParallel: 2 } }, args: [], env: { B: '2' } })
    expect(merged.model.image).not.toHaveProperty('llamacpp.ctxSize')
    expect(merged.model.env).toEqual({ B: '2' })
    expect(merged.tags).toEqual(['new'])
  })

  test('that says nothing changes nothing', () => {
    expect(mergeUpdate(spec, {})).toEqual(spec)
  })

  test('never lets a secret into the configuration', () => {
    expect(JSON.stringify(mergeUpdate(spec, { model: { secrets: { KEY: 'hunter2' } } }))).not.toContain(
      'hunter2',
    )
  })

  test('with the older metric replaces the measure', () => {
    const merged = mergeUpdate(spec, { compute: { scaling: { metric: 'hardwareUsage', threshold: 70 } } })
    expect(merged.compute.scaling.measure).toEqual({ hardwareUsage: 70 })
  })

  test.for([
    { update: { name: 'other' }, says: 'name cannot change' },
    { update: { provider: { vendor: 'aws', region: 'us-east-1' } }, says: 'provider cannot change' },
    { update: { compute: { scaling: { minReplica: 3 } } }, says: 'minReplica is 3 and maxReplica is 2' },
  ])('is refused: $says', ({ update, says }) => {
    expect(() => mergeUpdate(spec, update)).toThrow(says)
  })

  test('may send back name and provider as they are', () => {
    expect(mergeUpdate(spec, { name: 'chat', provider: { vendor: 'local', region: 'default' } })).toEqual(
      spec,
    )
  })
})

const artifact = { source: 'hub', repository: 'org/model', revision: 'abc', files: [] } as const
const resolved = ({ model }: EndpointSpec) => ({ image: model.image, artifact })

describe('a restart is needed', () => {
  test.for<{ change: string; to: EndpointSpec; restarts: boolean }>([
    {
      change: 'scaling',
      to: mergeUpdate(spec, { compute: { scaling: { maxReplica: 9 } } }),
      restarts: false,
    },
    { change: 'access', to: mergeUpdate(spec, { type: 'public' }), restarts: false },
    { change: 'tags', to: mergeUpdate(spec, { tags: ['x'] }), restarts: false },
    { change: 'task', to: mergeUpdate(spec, { model: { task: 'text-generation' } }), restarts: false },
    { change: 'environment', to: mergeUpdate(spec, { model: { env: { A: '2' } } }), restarts: true },
    { change: 'arguments', to: mergeUpdate(spec, { model: { args: ['--b'] } }), restarts: true },
    {
      change: 'image',
      to: mergeUpdate(spec, { model: { image: { llamacpp: { ctxSize: 2048 } } } }),
      restarts: true,
    },
    { change: 'instance size', to: mergeUpdate(spec, { compute: { instanceSize: 'x2' } }), restarts: true },
  ])('for $change: $restarts', ({ to, restarts }) => {
    expect(launchPart(to, resolved(to)) !== launchPart(spec, resolved(spec))).toBe(restarts)
  })
})

test('the older words for scaling become the newer ones', () => {
  const scaling = { minReplica: 1, maxReplica: 1 }
  expect(acceptScaling({ ...scaling, metric: 'pendingRequests' })).toEqual({
    ...scaling,
    scaleToZeroTimeout: null,
    measure: { pendingRequests: null },
  })
})

test.for([
  { request: { privateService: { accountId: '1', shared: true } }, field: 'privateService' },
  { request: { route: { domain: 'a.example' } }, field: 'route' },
])('$field is refused, not ignored', ({ request, field }) => {
  expect(() => refuseUnavailable(request)).toThrow(`${field} is not available`)
})

test('what clients send when they want nothing special is not refused', () => {
  refuseUnavailable({
    customRouter: {},
    cacheHttpResponses: false,
    privateService: null,
    route: {},
    experimentalFeatures: {},
  })
})

test('an environment may not choose another program', () => {
  expect(() => refuseReservedEnvironment(['MODE', 'LD_PRELOAD'], 'model.env')).toThrow('model.env.LD_PRELOAD')
  refuseReservedEnvironment(['MODE', 'HF_TOKEN'], 'model.env')
})

describe('scaling', () => {
  const scaling = { minReplica: 0, maxReplica: 2, scaleToZeroTimeout: null }
  const hours = { days: ['Mon' as const], fromHour: 8, toHour: 18, timeZone: 'Europe/Paris' }

  test('is kept as it was asked for, without what says nothing', () => {
    const asked = { schedules: [{ ...hours, minReplica: 2 }], maxCostPerHour: 3, strict: true }
    expect(acceptScaling({ ...scaling, ...asked })).toEqual({ ...scaling, ...asked })
    expect(acceptScaling({ ...scaling, schedules: [], maxCostPerHour: null, strict: false })).toEqual(scaling)
  })

  test('with a schedule above the maximum is refused by its place', () => {
    const schedules = [
      { ...hours, minReplica: 1 },
      { ...hours, minReplica: 3 },
    ]
    expect(() => acceptScaling({ ...scaling, schedules })).toThrow('schedules.1.minReplica is 3')
  })

  test('by more than all of the hardware is refused in its older words too', () => {
    expect(() => acceptScaling({ ...scaling, metric: 'hardwareUsage', threshold: 150 })).toThrow(
      'at most 100',
    )
  })

  test.for([
    { maxCostPerHour: 1, minReplica: 0, price: 2, isRefused: true },
    { maxCostPerHour: 3, minReplica: 2, price: 2, isRefused: true },
    { maxCostPerHour: 4, minReplica: 2, price: 2, isRefused: false },
    { maxCostPerHour: 1, minReplica: 5, price: 0, isRefused: false },
  ])('with a ceiling of $maxCostPerHour, $minReplica at $price: refused $isRefused', (row) => {
    const asked = {
      ...scaling,
      minReplica: row.minReplica,
      maxReplica: 9,
      maxCostPerHour: row.maxCostPerHour,
    }
    const refusal = () => refuseUnaffordable(asked, { id: 'local-default-gpu-x1', pricePerHour: row.price })
    if (row.isRefused) expect(refusal).toThrow('raise the ceiling')
    else expect(refusal).not.toThrow()
  })
})
