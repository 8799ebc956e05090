/** The hardware one can choose and what the operator offers, how much of it is used, which of it a model needs, and which models there are. */
import type { Handlers } from './route-binding.ts'
import type { ApiServices } from './services.ts'

export function hardwareHandlers(
  services: Pick<ApiServices, 'vendors' | 'quotas' | 'recommend' | 'searchHub' | 'hardware'>,
): Pick<
  Handlers,
  | 'listVendors'
  | 'listVendorsForNamespace'
  | 'listQuotas'
  | 'recommendConfiguration'
  | 'searchHub'
  | 'readHardware'
  | 'putHardware'
  | 'removeHardware'
> {
  const { hardware } = services
  return {
    readHardware: () => hardware.read(),
    putHardware: ({ params, body, caller }) => hardware.put(params.id, body, caller),
    removeHardware: ({ params, caller }) => hardware.remove(params.id, caller),
    listVendors: () => services.vendors(undefined),
    listVendorsForNamespace: ({ params }) => services.vendors(params.namespace),
    listQuotas: ({ params }) => services.quotas(params.namespace),
    recommendConfiguration: ({ query }) => services.recommend(query),
    searchHub: ({ query }) => services.searchHub(query),
  }
}
