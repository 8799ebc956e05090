import type { EndpointWithStatus } from '@berth/contract'
import { expect, test } from 'vitest'
import { endpointRow, type ListView, visibleRows } from './endpoint-row.ts'

function endpoint(
  name: string,
  changes: { state?: EndpointWithStatus['status']['state']; tags?: string[]; target?: number } = {},
) {
  const at = '2026-08-01T10:00:00Z'
  const by = { id: 'ada', name: 'ada' }
  return {
    name,
    namespace: 'ada',
    type: 'private',
    accountId: null,
    provider: { vendor: 'local', region: 'default' },
    compute: {
      id: 'local-default-cpu-x1',
      accelerator: 'cpu',
      instanceType: 'cpu',
      instanceSize: 'x1',
      scaling: { minReplica: 0, maxReplica: 4 },
    },
    model: {
      repository: 'berth/guide',
      framework: 'custom',
      image: { llamacpp: {} },
      revision: null,
      task: null,
      args: [],
      command: [],
      env: {},
      secrets: {},
      fromCatalog: false,
    },
    healthRoute: '/health',
    tags: changes.tags ?? [],
    cacheHttpResponses: false,
    route: null,
    privateService: null,
    experimentalFeatures: {},
    status: {
      state: changes.state ?? 'running',
      message: '',
      errorMessage: null,
      createdAt: at,
      createdBy: by,
      updatedAt: at,
      updatedBy: by,
      readyReplica: 1,
      targetReplica: changes.target ?? 1,
      url: null,
      private: null,
      lastUsedAt: null,
      inferenceMetricsEnabled: true,
      generation: 1,
      observedGeneration: 1,
      progress: null,
    },
  } satisfies EndpointWithStatus
}

const PRICES = new Map([['local-default-cpu-x1', 0.5]])
const EVERYTHING: ListView = { filter: '', state: undefined, sort: 'name', descending: false }
const rows = [
  endpoint('shop-10', { tags: ['shop', 'live'] }),
  endpoint('shop-9', { state: 'paused', tags: ['shop'] }),
  endpoint('broken', { state: 'failed' }),
].map((one) => endpointRow(one, PRICES))
const names = (view: Partial<ListView>) =>
  visibleRows(rows, { ...EVERYTHING, ...view }).map((row) => row.name)

test('numbers in names are numbers', () => {
  expect(names({})).toEqual(['broken', 'shop-9', 'shop-10'])
  expect(names({ descending: true })).toEqual(['shop-10', 'shop-9', 'broken'])
})

test('what failed comes before what runs, and that before what was stopped', () => {
  expect(names({ sort: 'state' })).toEqual(['broken', 'shop-10', 'shop-9'])
})

test.for([
  ['SHOP', ['shop-9', 'shop-10']],
  ['shop live', ['shop-10']],
  ['guide', ['broken', 'shop-9', 'shop-10']],
  ['<img src=x>', []],
] as const)('the filter %s finds %s', ([filter, found]) => {
  expect(names({ filter })).toEqual(found)
})

test('a state shows its own only', () => {
  expect(names({ state: 'paused' })).toEqual(['shop-9'])
})

test('an endpoint costs what its replicas cost, and nothing is said while no price is known', () => {
  expect(endpointRow(endpoint('one', { target: 3 }), PRICES).costPerHour).toBe(1.5)
  expect(endpointRow(endpoint('one', { target: 0 }), PRICES).costPerHour).toBe(0)
  expect(endpointRow(endpoint('one'), new Map()).costPerHour).toBeUndefined()
})
