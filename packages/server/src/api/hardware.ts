/** The hardware one can choose, how much of it a namespace uses, and which of it a model needs. */
import type { Handlers } from './route-binding.ts'
import type { ApiServices } from './services.ts'

export function hardwareHandlers(
  services: Pick<ApiServices, 'vendors' | 'quotas' | 'recommend'>,
): Pick<Handlers, 'listVendors' | 'listVendorsForNamespace' | 'listQuotas' | 'recommendConfiguration'> {
  return {
    listVendors: () => services.vendors(undefined),
    listVendorsForNamespace: ({ params }) => services.vendors(params.namespace),
    listQuotas: ({ params }) => services.quotas(params.namespace),
    recommendConfiguration: ({ query }) => services.recommend(query),
  }
}
