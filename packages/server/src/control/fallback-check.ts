/** A fallback that could never help is refused when it is asked for: nobody there, round in circles, or without a key. */
import { type EndpointSpec, endpointKey } from '../domain/endpoint.ts'
import { PlatformError } from '../domain/errors.ts'
import type { Store } from '../store/store.ts'

/** Steps from one endpoint to the next; the gateway takes no more either. */
const MOST_STEPS = 8

/** @throws PlatformError `invalid` with the field. */
export async function refuseFallback(
  store: Pick<Store, 'endpoints'>,
  namespace: string,
  { name, fallback, model }: EndpointSpec,
): Promise<void> {
  if (!fallback) return
  if (fallback.external) {
    const { secret } = fallback.external
    if (model.secretNames.includes(secret)) return
    throw refuse(
      'fallback.external.secret',
      `fallback.external.secret is "${secret}", and model.secrets has none of that name: add it there with the other server's key.`,
    )
  }
  const path = [name]
  for (let next = fallback.endpoint; next !== undefined; ) {
    path.push(next)
    if (next === name || path.length > MOST_STEPS + 1) {
      const why = next === name ? 'it would lead back to itself' : `that is more than ${MOST_STEPS} steps`
      throw refuse(
        'fallback.endpoint',
        `fallback.endpoint cannot be "${fallback.endpoint}": ${path.join(' → ')}, and ${why}.`,
      )
    }
    const found = await store.endpoints.find(namespace, next)
    if (!found) {
      throw refuse(
        'fallback.endpoint',
        `fallback.endpoint leads to "${endpointKey({ namespace, spec: { name: next } })}", which does not exist. Create it first.`,
      )
    }
    next = found.spec.fallback?.endpoint
  }
}

const refuse = (field: string, message: string) => new PlatformError('invalid', message, { field })
