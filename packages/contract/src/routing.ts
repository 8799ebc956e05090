/** How an endpoint's requests are spread over its replicas. A Berth addition. */
import { z } from 'zod'

export const RoutingPolicy = z
  .enum(['round-robin', 'least-requests', 'least-tokens', 'prefix-affinity'])
  .meta({
    description:
      'round-robin: in turn. least-requests: where the fewest are. least-tokens: where the least is outstanding. prefix-affinity: where a prompt\u2019s beginning has been read, as long as that is not too busy.',
  })
export type RoutingPolicy = z.infer<typeof RoutingPolicy>

export const RoutingSettings = z
  .strictObject({
    policy: RoutingPolicy.nullable().optional().meta({
      description: 'Null, or left out: the one that suits the engine.',
    }),
    requestsPerReplica: z.int().min(1).max(100_000).nullable().optional().meta({
      description:
        'Requests on one replica at a time; further ones wait in the gateway, where the next free replica takes them. Null, or left out: as many as the engine works on at once, where that is known.',
    }),
  })
  .nullable()
export type RoutingSettings = z.infer<typeof RoutingSettings>
