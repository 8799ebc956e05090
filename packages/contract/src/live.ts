/** News of a namespace, as one stream. */
import { z } from 'zod'
import { EndpointWithStatus, EventView } from './endpoint.ts'

export const LiveQuery = z.strictObject({
  after: z
    .string()
    .max(100)
    .optional()
    .meta({ description: 'The `id` of the last news that arrived, as Last-Event-ID says it too.' }),
})

/**
 * The `data` of each event. `ready` comes first. When it says that nothing was missed, what changed since comes next;
 * else whoever listens reads anew what it shows.
 */
export const News = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready'), id: z.string(), missed: z.boolean() }),
  z.object({ type: z.literal('endpoint'), id: z.string(), endpoint: EndpointWithStatus }),
  z.object({ type: z.literal('gone'), id: z.string(), namespace: z.string(), name: z.string() }),
  z.object({ type: z.literal('event'), id: z.string(), event: EventView }),
])
export type News = z.infer<typeof News>
