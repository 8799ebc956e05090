import { expect, test } from 'vitest'
import type { EndpointRecord } from './endpoint.ts'
import type { InstanceType } from './instance-type.ts'
import { overQuota, usedAccelerators } from './quota.ts'
import type { EndpointId } from './replica.ts'

const l4 = (size: number): InstanceType => ({
  id: `local-rack-l4-x${size}`,
  ...{ vendor: 'local', region: 'rack', accelerator: 'gpu', instanceType: 'l4', instanceSize: `x${size}` },
  ...{ architecture: 'NVIDIA L4', cpus: 8, memoryBytes: 1, gpus: size, gpuMemoryBytes: 1, pricePerHour: 0 },
  maxAccelerators: 4,
})
const cpu: InstanceType = { ...l4(0), id: 'local-rack-cpu-x8', instanceType: 'cpu', accelerator: 'cpu' }
const offers = [l4(1), l4(2), cpu]
const endpoint = (id: string, { id: compute }: InstanceType) =>
  ({ id, spec: { compute: { id: compute } } }) as unknown as EndpointRecord
const running = (...ids: string[]) => ids.map((id) => ({ endpointId: id as EndpointId, revision: 1 }))

test('replicas of every size of the kind are counted by their accelerators, and no others', () => {
  const endpoints = [endpoint('a', l4(1)), endpoint('b', l4(2)), endpoint('c', cpu), endpoint('d', l4(1))]
  const used = usedAccelerators(l4(1), endpoints, running('a', 'a', 'b', 'c', 'elsewhere'), offers)
  expect(used).toBe(4)
  expect(usedAccelerators(cpu, endpoints, running('a', 'c'), offers)).toBe(8)
})

test('what is more than the namespace may have is said with what is used and what is needed', () => {
  expect(overQuota(l4(2), 'acme', { replicas: 1, used: 2 })).toBeUndefined()
  expect(overQuota(l4(2), 'acme', { replicas: 1, used: 3 })).toMatch(
    /^The namespace "acme" may use 4 GPUs of local\/l4: 3 are in use, and 2 more are needed\. /,
  )
  expect(overQuota(cpu, 'acme', { replicas: 1, used: 0 })).toContain('may use 4 vCPUs')
})

test('without a quota nothing is too much', () => {
  const { maxAccelerators: _, ...unlimited } = l4(2)
  expect(overQuota(unlimited, 'acme', { replicas: 100, used: 100 })).toBeUndefined()
})
