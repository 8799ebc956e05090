import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { HardwareType } from '@berth/contract'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { FakeDriver, FakeRuntime } from './fake/fake-driver.ts'
import { openOfferedHardware, parseHardware } from './offered-hardware.ts'

const l4 = {
  vendor: 'aws',
  region: 'us-east-1',
  regionLabel: 'N. Virginia',
  instanceType: 'nvidia-l4',
  instanceSize: 'x4',
  architecture: 'NVIDIA L4',
  vcpus: 47,
  memoryGb: 185,
  gpus: { count: 4, memoryGb: 24 },
  pricePerHour: 3.8,
  maxAccelerators: 8,
  aliases: ['gcp/nvidia-l4/x4'],
}

const l4Type = HardwareType.parse(l4)

let directory: string
let file: string
let writes = 0
beforeEach(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'berth-hardware-'))
  file = path.join(directory, 'hardware.json')
})
afterEach(() => rmSync(directory, { recursive: true }))

/** With a time of its own, as an edit by a person has. */
function write(content: unknown) {
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  writes += 1
  utimesSync(file, writes, writes)
}

const clock = new FakeClock(0)
const openHardware = () => openOfferedHardware(file, ['docker', 'process'])
const open = async () => (await openHardware()).around(new FakeDriver(new FakeRuntime(clock), clock))
const ids = async (driver: Awaited<ReturnType<typeof open>>) =>
  (await driver.capacity()).instanceTypes.map(({ id }) => id)

test('without a file the machine offers what it is cut into', async () => {
  expect(await ids(await open())).toContain('local-default-cpu-x1')
})

test('a file says what is offered instead, or beside it', async () => {
  write({ instanceTypes: [l4] })
  const driver = await open()
  const { instanceTypes } = await driver.capacity()
  expect(instanceTypes).toEqual([
    {
      id: 'aws-us-east-1-nvidia-l4-x4',
      vendor: 'aws',
      region: 'us-east-1',
      regionLabel: 'N. Virginia',
      instanceType: 'nvidia-l4',
      instanceSize: 'x4',
      accelerator: 'gpu',
      architecture: 'NVIDIA L4',
      cpus: 47,
      memoryBytes: 185 * 2 ** 30,
      gpus: 4,
      gpuMemoryBytes: 96 * 2 ** 30,
      pricePerHour: 3.8,
      status: 'available',
      maxAccelerators: 8,
      aliases: ['gcp/nvidia-l4/x4'],
      runtime: 'docker',
    },
  ])
  write({ instanceTypes: [l4], includeMachine: true })
  expect(await ids(driver)).toEqual(
    expect.arrayContaining(['aws-us-east-1-nvidia-l4-x4', 'local-default-cpu-x1']),
  )
})

test('an edit is taken up, and one that is wrong leaves what was good, with a notice', async () => {
  write({ instanceTypes: [l4] })
  const driver = await open()
  await driver.capacity()
  write({ instanceTypes: [{ ...l4, vcpus: 0 }] })
  const { instanceTypes, notices } = await driver.capacity()
  expect(instanceTypes.map(({ id }) => id)).toEqual(['aws-us-east-1-nvidia-l4-x4'])
  expect(notices.join()).toMatch(/instanceTypes\.0\.vcpus is 0: .* What it said before still holds\./)
  rmSync(file)
  expect(await ids(driver)).toContain('local-default-cpu-x1')
  expect((await driver.capacity()).notices.join()).not.toContain('hardware.json')
})

test('what is put is offered at once, kept in the file, and there for the next start', async () => {
  const hardware = await openHardware()
  const driver = hardware.around(new FakeDriver(new FakeRuntime(clock), clock))
  await driver.capacity()
  await hardware.put(l4Type)
  expect(await ids(driver)).toEqual(
    expect.arrayContaining(['aws-us-east-1-nvidia-l4-x4', 'local-default-cpu-x1']),
  )
  expect(await ids(await open())).toContain('aws-us-east-1-nvidia-l4-x4')
  await hardware.put({ ...l4Type, pricePerHour: 9 })
  const { instanceTypes } = await driver.capacity()
  expect(
    instanceTypes.filter(({ vendor }) => vendor === 'aws').map(({ pricePerHour }) => pricePerHour),
  ).toEqual([9])
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('what is removed is gone at once; what is not there is named beside what is', async () => {
  write({ instanceTypes: [l4], includeMachine: true })
  const hardware = await openHardware()
  await expect(hardware.remove('local-default-cpu-x1')).rejects.toThrow(
    'There is no instance type "local-default-cpu-x1" of your own. There is: aws-us-east-1-nvidia-l4-x4.',
  )
  await hardware.remove('aws-us-east-1-nvidia-l4-x4')
  expect(await hardware.read()).toEqual({ instanceTypes: [], includeMachine: true })
})

test('changes at the same moment are all kept, and an edit by hand in between is not lost', async () => {
  const hardware = await openHardware()
  const sizes = ['x1', 'x2', 'x3']
  await Promise.all(sizes.map((instanceSize) => hardware.put({ ...l4Type, instanceSize })))
  write({ ...(await hardware.read()), instanceTypes: [{ ...l4, instanceSize: 'by-hand' }] })
  await hardware.put({ ...l4Type, instanceSize: 'x9' })
  const { instanceTypes } = await hardware.read()
  expect(instanceTypes.map(({ instanceSize }) => instanceSize)).toEqual(['by-hand', 'x9'])
})

test('nothing is written over a file that is wrong, nor a type that would make it so', async () => {
  write({ instanceTypes: [l4] })
  const hardware = await openHardware()
  await expect(hardware.put({ ...l4Type, runtime: 'kubernetes' as 'docker' })).rejects.toThrow(
    'runtime is "kubernetes"',
  )
  write('{')
  await expect(hardware.put(l4Type)).rejects.toThrow('it is not JSON')
  expect(readFileSync(file, 'utf8')).toBe('{')
})

test.for<[what: string, content: unknown, says: RegExp]>([
  ['what is not JSON', '{', /hardware\.json cannot be used: it is not JSON/],
  ['an unknown field', { instanceTypes: [{ ...l4, cores: 4 }] }, /Unknown field "instanceTypes\.0\.cores"/],
  ['no price at all below 0', { instanceTypes: [{ ...l4, pricePerHour: -1 }] }, /pricePerHour is -1/],
  [
    'a runtime that this Berth does not serve',
    { instanceTypes: [{ ...l4, runtime: 'kubernetes' }] },
    /runtime is "kubernetes"/,
  ],
  ['a type twice', { instanceTypes: [l4, l4] }, /"aws-us-east-1-nvidia-l4-x4" twice/],
])('%s stops a start, and is named', async ([, content, says]) => {
  write(content)
  await expect(open()).rejects.toThrow(says)
  expect(() =>
    parseHardware(typeof content === 'string' ? content : JSON.stringify(content), file, ['process']),
  ).toThrow(says)
})
