/** The hardware one can choose, how much of it a namespace uses, which of it a model needs, and which models there are. */
import type { Handlers } from './route-binding.ts'
import type { ApiServices } from './services.ts'

export function hardwareHandlers(
  services: Pick<ApiServices, 'vendors' | 'quotas' | 'recommend' | 'searchHub'>,
): Pick<
  Handlers,
  'listVendors' | 'listVendorsForNamespace' | 'listQuotas' | 'recommendConfiguration' | 'searchHub'
> {
  return {
    listVendors: () => services.vendors(undefined),
    listVendorsForNamespace: ({ params }) => services.vendors(params.namespace),
    listQuotas: ({ params }) => services.quotas(params.namespace),
    recommendConfiguration: ({ query }) => services.recommend(query),
    searchHub: ({ query }) => services.searchHub(query),
  }
}
