import { expect, test } from 'vitest'
import { chooseInstance, refuseNotOffered } from './instance-choice.ts'
import type { InstanceType } from './instance-type.ts'

const offer = (
  instanceType: string,
  instanceSize: string,
  accelerator: 'cpu' | 'gpu' = 'cpu',
): InstanceType => ({
  id: `local-default-${instanceType}-${instanceSize}`,
  vendor: 'local',
  region: 'default',
  accelerator,
  instanceType,
  instanceSize,
  architecture: 'a processor',
  cpus: 1,
  memoryBytes: 2 ** 31,
  gpus: accelerator === 'gpu' ? 1 : 0,
  gpuMemoryBytes: 0,
  pricePerHour: 0,
})
const OFFERS = [
  offer('cpu', 'x1'),
  offer('cpu', 'x2'),
  offer('nvidia-l4', 'x1', 'gpu'),
  offer('nvidia-a100-sxm4-80gb', 'x1', 'gpu'),
  { ...offer('big', 'x1', 'gpu'), aliases: ['gcp/nvidia-h100/x1'] },
  { ...offer('gone', 'x1'), status: 'not_available' as const },
]

const wish = (
  vendor: string,
  instanceType: string,
  instanceSize: string,
  accelerator: 'cpu' | 'gpu' = 'cpu',
) => ({
  provider: { vendor, region: vendor === 'local' ? 'default' : 'us-east-1' },
  compute: { accelerator, instanceType, instanceSize },
})

test.for([
  { asked: wish('local', 'cpu', 'x2'), gets: 'local-default-cpu-x2' },
  { asked: wish('aws', 'intel-icl', 'x1'), gets: 'local-default-cpu-x1' },
  { asked: wish('azure', 'intel-xeon', 'x2'), gets: 'local-default-cpu-x2' },
  { asked: wish('aws', 'nvidia-l4', 'x1', 'gpu'), gets: 'local-default-nvidia-l4-x1' },
  { asked: wish('aws', 'nvidia-a100', 'x1', 'gpu'), gets: 'local-default-nvidia-a100-sxm4-80gb-x1' },
  { asked: wish('gcp', 'nvidia-h100', 'x1', 'gpu'), gets: 'local-default-big-x1' },
])(
  '$asked.provider.vendor $asked.compute.instanceType $asked.compute.instanceSize gets $gets',
  ({ asked, gets }) => {
    expect(chooseInstance(asked, OFFERS).id).toBe(gets)
  },
)

test('what is not here is refused with what is', () => {
  expect(() => chooseInstance(wish('aws', 'nvidia-h200', 'x8', 'gpu'), OFFERS)).toThrow(
    /no hardware "aws \/ us-east-1 \/ nvidia-h200 \/ x8".*local \/ default \/ cpu \/ x1/,
  )
  expect(() => chooseInstance(wish('aws', 'intel-icl', 'x64'), OFFERS)).toThrow('x64')
})

test('an accelerator that contradicts the type is refused', () => {
  expect(() => chooseInstance(wish('local', 'cpu', 'x1', 'gpu'), OFFERS)).toThrow('cpu is a cpu instance')
})

test('what is not offered at the moment goes on for who has it, and is refused to others', () => {
  const gone = chooseInstance(wish('local', 'gone', 'x1'), OFFERS)
  expect(() => refuseNotOffered(gone)).toThrow('local-default-gone-x1 is not offered at the moment')
  expect(() => refuseNotOffered(OFFERS[0]!)).not.toThrow()
})
