/** The contract's routes without their schemas, worked out when the console is built. */
import { type ClientRoute, type RouteDefinition, type RouteName, routes } from '@berth/contract'

const described = (route: RouteDefinition): ClientRoute => ({
  method: route.method,
  path: route.path,
  response: typeof route.response === 'string' ? route.response : 'json',
})

export const routeTable = Object.fromEntries(
  Object.entries(routes).map(([name, route]) => [name, described(route)]),
) as Readonly<Record<RouteName, ClientRoute>>
