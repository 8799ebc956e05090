import fc from 'fast-check'
import { expect, test } from 'vitest'
import { wantedReplicas } from './endpoint.ts'
import { GIBIBYTE, shortage } from './memory-ledger.ts'

const resources = (memoryGib: number, gpus = 0) => ({ cpus: 1, memoryBytes: memoryGib * GIBIBYTE, gpus })

test('a shortage names the resource and by how much', () => {
  expect(shortage(resources(4), [resources(2)], resources(8))).toBeUndefined()
  expect(shortage(resources(4), [resources(6)], resources(8))).toContain(
    'needs 4 GiB, and 2 GiB of memory of that is taken',
  )
  expect(shortage(resources(1, 2), [resources(1, 1)], resources(8, 2))).toContain('1 GPU')
})

test('what fits never exceeds the total', () => {
  const some = fc.array(fc.integer({ min: 0, max: 16 }), { maxLength: 8 })
  fc.assert(
    fc.property(some, fc.nat(16), fc.nat(64), (taken, asked, total) => {
      const fits =
        shortage(
          resources(asked),
          taken.map((gib) => resources(gib)),
          resources(total),
        ) === undefined
      expect(fits).toBe(taken.reduce((sum, gib) => sum + gib, asked) <= total)
    }),
  )
})

const endpoint = (minReplica: number, maxReplica: number, paused = false) =>
  ({ paused, spec: { compute: { scaling: { minReplica, maxReplica } } } }) as Parameters<
    typeof wantedReplicas
  >[0]
const target = (count: number) => ({ count }) as Parameters<typeof wantedReplicas>[1]

test.for([
  { min: 0, max: 1, count: undefined, wanted: 1, why: 'a new endpoint shows that it works' },
  { min: 2, max: 4, count: undefined, wanted: 2, why: 'the minimum' },
  { min: 0, max: 1, count: 0, wanted: 0, why: 'asleep' },
  { min: 2, max: 4, count: 0, wanted: 0, why: 'put to sleep by hand, whatever the minimum' },
  { min: 2, max: 4, count: 9, wanted: 4, why: 'the maximum' },
  { min: 3, max: 4, count: 1, wanted: 3, why: 'the minimum was raised' },
])(
  'between $min and $max with target $count there should be $wanted: $why',
  ({ min, max, count, wanted }) => {
    expect(wantedReplicas(endpoint(min, max), count === undefined ? undefined : target(count))).toBe(wanted)
    expect(wantedReplicas(endpoint(min, max, true), count === undefined ? undefined : target(count))).toBe(0)
  },
)
