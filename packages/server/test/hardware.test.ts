/** Hardware that the administrator offers and takes back, and what a namespace may use of it. */
import type { HardwareFile, HardwareType } from '@berth/contract'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type HardwareRooms, putHardware, removeHardware } from '../src/control/hardware-changes.ts'
import { listVendors } from '../src/control/hardware-queries.ts'
import { silentLog } from '../src/platform/log.ts'
import { World } from './world.ts'

let world: World
beforeEach(async () => {
  world = await World.start()
})
afterEach(() => world.end())

const small = {
  ...{ vendor: 'local', region: 'rack-1', instanceType: 'cpu', instanceSize: 'x1' },
  ...{ architecture: 'A processor', vcpus: 1, memoryGb: 2, pricePerHour: 0, status: 'available' },
  aliases: [],
} as const satisfies HardwareType

/** What was asked of the file. */
function roomsWithFile() {
  const asked: string[] = []
  const file: HardwareFile = { instanceTypes: [], includeMachine: true }
  const rooms: HardwareRooms = {
    hardware: {
      read: async () => file,
      put: async ({ instanceSize }) => {
        asked.push(`put ${instanceSize}`)
        return file
      },
      remove: async (id) => {
        asked.push(`remove ${id}`)
        return file
      },
    },
    store: world.store,
    log: silentLog,
    administrator: 'admin',
  }
  return { rooms, asked }
}

test('only the administrator changes hardware', async () => {
  const { rooms, asked } = roomsWithFile()
  await putHardware(rooms, 'local-rack-1-cpu-x1', small, 'admin')
  await expect(putHardware(rooms, 'local-rack-1-cpu-x1', small, 'ada')).rejects.toMatchObject({
    code: 'forbidden',
  })
  await expect(removeHardware(rooms, 'local-rack-1-cpu-x1', 'ada')).rejects.toMatchObject({
    code: 'forbidden',
  })
  expect(asked).toEqual(['put x1'])
})

test('a path that names another type than the body is refused with both', async () => {
  const { rooms } = roomsWithFile()
  await expect(putHardware(rooms, 'local-rack-1-cpu-x2', small, 'admin')).rejects.toThrow(
    'The path names "local-rack-1-cpu-x2", and vendor, region, instanceType and instanceSize make "local-rack-1-cpu-x1".',
  )
})

test('a type that an endpoint uses is not removed, and the endpoint is named', async () => {
  await world.create({ min: 0, max: 1 })
  const { rooms, asked } = roomsWithFile()
  await expect(removeHardware(rooms, 'local-default-cpu-x1', 'admin')).rejects.toMatchObject({
    code: 'conflict',
    reason: 'hardware_in_use',
    message: expect.stringContaining('is used by admin/chat. Move or delete them first'),
  })
  await removeHardware(rooms, 'local-default-cpu-x2', 'admin')
  expect(asked).toEqual(['remove local-default-cpu-x2'])
})

/** Two vCPUs of cpu for each namespace. */
function limitTo(maxAccelerators: number): void {
  const { capacity } = world.runtime
  const instanceTypes = capacity.instanceTypes.map((type) => ({ ...type, maxAccelerators }))
  world.runtime.capacity = { ...capacity, instanceTypes }
}

test('an endpoint whose fewest replicas are beyond the quota is refused with what is used', async () => {
  limitTo(2)
  await world.create({ min: 1, max: 1 })
  await world.untilState('running')
  await expect(world.create({ name: 'second', min: 2, max: 2 })).rejects.toMatchObject({
    code: 'quota_exceeded',
    field: 'compute.instanceSize',
    message: expect.stringContaining('may use 2 vCPUs of local/cpu: 1 are in use, and 2 more are needed'),
  })
  await expect(
    world.update({ compute: { scaling: { minReplica: 3, maxReplica: 3 } } }),
  ).rejects.toMatchObject({
    code: 'quota_exceeded',
  })
  await world.update({ compute: { scaling: { minReplica: 2, maxReplica: 2 } } })
})

test('an endpoint that would grow beyond the quota stays as it is, and its status says why', async () => {
  await world.create({ min: 1, max: 2 })
  await world.untilState('running')
  limitTo(1)
  await world.update({ compute: { scaling: { minReplica: 1, maxReplica: 2 } } })
  const endpoint = (await world.store.endpoints.find('admin', 'chat'))!
  await world.store.scaleTargets.set({ endpointId: endpoint.id, count: 2, reason: 'load', at: 0 })
  world.control.hint(endpoint.id)
  await world.until('the status to say so', async () =>
    (await world.see()).status.message.includes('may use 1 vCPUs of local/cpu'),
  )
  expect(world.replicas).toHaveLength(1)
})

test('a change goes through with the quota used up', async () => {
  limitTo(1)
  await world.create({ min: 1, max: 1 })
  await world.untilState('running')
  await world.update({ model: { env: { MODE: 'fast' } } })
  await world.until('the second revision runs alone', () =>
    world.replicas.every(({ revision }) => revision === 2),
  )
})

test('what a namespace uses is listed with its hardware, in whatever size', async () => {
  await world.create({ min: 1, max: 1 })
  await world.untilState('running')
  const { vendors } = await listVendors(world.control, 'admin')
  const computes = vendors.flatMap(({ regions }) => regions.flatMap((region) => region.computes))
  expect(computes.map(({ quota }) => quota.usedAccelerators)).toEqual([1, 1, 1])
  const elsewhere = await listVendors(world.control, 'acme')
  expect(elsewhere.vendors[0]!.regions[0]!.computes[0]!.quota.usedAccelerators).toBe(0)
})
