import { expect, test } from 'vitest'
import type { ReplicaId } from '../../domain/replica.ts'
import { DoorReports } from './door-reports.ts'

const ROUTER = 'router' as ReplicaId
const door = (port: number) => ({ replicaId: 'r1' as ReplicaId, host: '127.0.0.1', port })
const open = (port: number) => ({ doors: [door(port)], problem: null })
const NONE = { doors: [], problem: null }

test('the doors are those of one gateway, whatever the order in which gateways are named', () => {
  const reports = new DoorReports()
  reports.report('gw-b', ROUTER, open(2))
  reports.report('gw-a', ROUTER, open(1))
  expect(reports.of(ROUTER, ['gw-b', 'gw-a'])).toEqual(open(1))
  expect(reports.of(ROUTER, ['gw-a', 'gw-b'])).toEqual(open(1))
})

test('when that gateway is gone, or has withdrawn its doors, they are those of another', () => {
  const reports = new DoorReports()
  reports.report('gw-a', ROUTER, open(1))
  reports.report('gw-b', ROUTER, open(2))
  expect(reports.of(ROUTER, ['gw-b'])).toEqual(open(2))
  reports.report('gw-a', ROUTER, NONE)
  expect(reports.of(ROUTER, ['gw-a', 'gw-b'])).toEqual(open(2))
})

test('where nobody has a door it is said why', () => {
  const reports = new DoorReports()
  expect(reports.of(ROUTER, ['gw-a'])).toEqual(NONE)
  reports.report('gw-a', ROUTER, { doors: [], problem: 'no such address' })
  expect(reports.of(ROUTER, ['gw-a']).problem).toBe('no such address')
  reports.forget(ROUTER)
  expect(reports.of(ROUTER, ['gw-a'])).toEqual(NONE)
})
