/** The hardware one can choose, and how much of it a namespace uses. */
import type { Handlers } from './route-binding.ts'
import type { ApiServices } from './services.ts'

export function hardwareHandlers(
  services: Pick<ApiServices, 'vendors' | 'quotas'>,
): Pick<Handlers, 'listVendors' | 'listVendorsForNamespace' | 'listQuotas'> {
  return {
    listVendors: () => services.vendors(undefined),
    listVendorsForNamespace: ({ params }) => services.vendors(params.namespace),
    listQuotas: ({ params }) => services.quotas(params.namespace),
  }
}
