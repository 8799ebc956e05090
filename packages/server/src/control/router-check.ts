/** Whether an endpoint can have the router that it asks for. */
import { refuseReservedEnvironment } from '../domain/accept-endpoint.ts'
import { refuseRouterSettings, routerOf } from '../domain/custom-router.ts'
import type { EndpointSpec } from '../domain/endpoint.ts'
import type { InstanceType } from '../domain/instance-type.ts'
import type { ControlRooms } from './rooms.ts'

/** @throws PlatformError `invalid` that names the field and the way out. */
export async function refuseRouter(
  rooms: Pick<ControlRooms, 'refuseMissingRouter' | 'driver'>,
  spec: EndpointSpec,
  { runtime }: Pick<InstanceType, 'runtime'>,
): Promise<void> {
  refuseRouterSettings(spec)
  const router = routerOf(spec)
  if (!router) return
  refuseReservedEnvironment(Object.keys(router.env), 'customRouter.env')
  await rooms.refuseMissingRouter(router, runtime ?? rooms.driver.name)
}
