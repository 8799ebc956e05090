import { expect, test } from 'vitest'
import { localInstanceTypes, reservable } from './local-instance-types.ts'
import type { Machine } from './machine.ts'

const GIB = 2 ** 30

const machine = (changes: Partial<Machine> = {}): Machine => ({
  cpus: 2,
  memoryBytes: 24 * GIB,
  cpuModel: 'AMD EPYC 9V74',
  gpus: [],
  notices: [],
  ...changes,
})

test('a tenth of the memory is left to the system, and never less than 1 GiB', () => {
  expect(reservable(machine({ memoryBytes: 100 * GIB })).memoryBytes).toBe(90 * GIB)
  expect(reservable(machine({ memoryBytes: 4 * GIB })).memoryBytes).toBe(3 * GIB)
  expect(reservable(machine({ memoryBytes: GIB / 2 })).memoryBytes).toBe(0)
})

test('CPU types double as long as they fit, with no more processors than there are', () => {
  const types = localInstanceTypes(machine())
  expect(types.map(({ id, cpus, memoryBytes }) => [id, cpus, memoryBytes / GIB])).toEqual([
    ['local-default-cpu-x1', 1, 2],
    ['local-default-cpu-x2', 2, 4],
    ['local-default-cpu-x4', 2, 8],
    ['local-default-cpu-x8', 2, 16],
  ])
  expect(types[0]).toMatchObject({
    accelerator: 'cpu',
    vendor: 'local',
    region: 'default',
    instanceType: 'cpu',
    instanceSize: 'x1',
    architecture: 'AMD EPYC 9V74',
    gpus: 0,
    pricePerHour: 0,
  })
})

test('a machine too small for the smallest type offers none', () => {
  expect(localInstanceTypes(machine({ memoryBytes: 2 * GIB }))).toEqual([])
})

test('GPU types share memory and processors by the GPUs they take', () => {
  const gpus = [0, 1, 2, 3].map((index) => ({ index, name: 'NVIDIA H200', memoryBytes: 140 * GIB }))
  const types = localInstanceTypes(machine({ cpus: 64, memoryBytes: 1000 * GIB, gpus }))
  const h200 = types.filter(({ accelerator }) => accelerator === 'gpu')
  expect(
    h200.map((type) => [type.id, type.gpus, type.gpuMemoryBytes / GIB, type.cpus, type.memoryBytes / GIB]),
  ).toEqual([
    ['local-default-nvidia-h200-x1', 1, 140, 16, 225],
    ['local-default-nvidia-h200-x2', 2, 280, 32, 450],
    ['local-default-nvidia-h200-x4', 4, 560, 64, 900],
  ])
})

test('every kind of GPU has a family of its own, with a name that fits in a URL', () => {
  const gpus = ['Tesla T4', 'NVIDIA A100-SXM4-80GB'].map((name, index) => ({ index, name, memoryBytes: GIB }))
  const types = localInstanceTypes(machine({ gpus })).filter(({ accelerator }) => accelerator === 'gpu')
  expect(types.map(({ instanceType, instanceSize }) => `${instanceType} ${instanceSize}`)).toEqual([
    'nvidia-tesla-t4 x1',
    'nvidia-a100-sxm4-80gb x1',
  ])
})
