/** What happened to an endpoint, and when: replicas as spans, everything else as events; and news of both. */
import { z } from 'zod'
import { EventView } from './endpoint.ts'
import { Timestamp, WrittenTime } from './names.ts'

const kinds = z
  .string()
  .max(500)
  .transform((text) => text.split(','))
  .meta({ description: 'Comma separated; "replica" stands for every kind that begins with "replica.".' })

export const TimelineQuery = z.strictObject({
  from: WrittenTime.optional().meta({ description: 'Without it, a day before `to`.' }),
  to: WrittenTime.optional().meta({ description: 'Without it, now.' }),
  kinds: kinds.optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
  cursor: z.coerce
    .number()
    .int()
    .min(1)
    .optional()
    .meta({ description: 'The `nextCursor` of a page before.' }),
})

export const replicaSpanPhases = ['starting', 'ready', 'draining'] as const

export const ReplicaLife = z.object({
  id: z.string(),
  revision: z.int().nullable(),
  spans: z
    .array(
      z.object({
        phase: z.enum(replicaSpanPhases),
        start: Timestamp,
        stop: Timestamp.nullable().meta({ description: 'null: it goes on.' }),
      }),
    )
    .meta({ description: 'Oldest first, without a gap between two.' }),
  gone: z
    .object({ at: Timestamp, reason: z.string(), failed: z.boolean() })
    .nullable()
    .meta({ description: 'null while it is there.' }),
})
export type ReplicaLife = z.infer<typeof ReplicaLife>

export const Timeline = z.object({
  start: Timestamp,
  stop: Timestamp,
  replicas: z
    .array(ReplicaLife)
    .meta({ description: 'All that were there in the range, the first one first.' }),
  events: z.array(EventView).meta({ description: 'Newest first.' }),
  nextCursor: z.int().nullable().meta({ description: 'For older events of the range.' }),
})
export type Timeline = z.infer<typeof Timeline>
