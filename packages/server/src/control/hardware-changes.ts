/** Changes of what hardware is offered. They hold from the next look on; what runs goes on as it was started. */
import { type HardwareFile, type HardwareType, hardwareId } from '@berth/contract'
import { endpointKey } from '../domain/endpoint.ts'
import { PlatformError } from '../domain/errors.ts'
import type { Log } from '../platform/log.ts'
import type { Store } from '../store/store.ts'

export type HardwareRooms = {
  readonly hardware: {
    /** What the operator's file says now. */
    read(): Promise<HardwareFile>
    put(type: HardwareType): Promise<HardwareFile>
    remove(id: string): Promise<HardwareFile>
  }
  readonly store: Store
  readonly log: Log
  /** Who administers the installation. */
  readonly administrator: string
}

const NAMED_ENDPOINTS = 5

/** @throws PlatformError `forbidden`, or `invalid` when the path names another type than the body. */
export async function putHardware(
  { hardware, log, administrator }: HardwareRooms,
  id: string,
  type: HardwareType,
  user: string,
): Promise<HardwareFile> {
  refuseOthers(administrator, user)
  if (hardwareId(type) !== id) {
    throw new PlatformError(
      'invalid',
      `The path names "${id}", and vendor, region, instanceType and instanceSize make "${hardwareId(type)}". Write one of them in both places.`,
      { field: 'id' },
    )
  }
  const changed = await hardware.put(type)
  log.info('instance type offered', { instance: id, by: user })
  return changed
}

/** @throws PlatformError `conflict` while endpoints use it. */
export async function removeHardware(
  { hardware, store, log, administrator }: HardwareRooms,
  id: string,
  user: string,
): Promise<HardwareFile> {
  refuseOthers(administrator, user)
  const users = (await store.endpoints.list()).filter(({ spec }) => spec.compute.id === id).map(endpointKey)
  if (users.length > 0) {
    const more = users.length > NAMED_ENDPOINTS ? ` and ${users.length - NAMED_ENDPOINTS} more` : ''
    throw new PlatformError(
      'conflict',
      `The instance type "${id}" is used by ${users.slice(0, NAMED_ENDPOINTS).join(', ')}${more}. Move or delete them first, or set its status to "not_available", which takes no new endpoint.`,
      { field: 'id', reason: 'hardware_in_use' },
    )
  }
  const changed = await hardware.remove(id)
  log.info('instance type taken back', { instance: id, by: user })
  return changed
}

function refuseOthers(administrator: string, user: string): void {
  if (user === administrator) return
  throw new PlatformError(
    'forbidden',
    `Hardware is changed by the administrator, "${administrator}", and this token belongs to "${user}".`,
  )
}
