/** What replicas print: how it is asked for, and one line of it. */
import { z } from 'zod'
import { ReplicaId, WrittenTime } from './names.ts'

export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export const LogLevel = z.enum(logLevels)
export type LogLevel = z.infer<typeof LogLevel>

export const MAX_LOG_LINES = 5_000
const DEFAULT_LOG_LINES = 1_000

const which = {
  replica: ReplicaId.optional(),
  level: LogLevel.optional().meta({
    description: 'This severity and worse; lines that name none are left out.',
  }),
  search: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .meta({ description: 'Part of a line; upper and lower case are the same.' }),
  since: WrittenTime.optional().meta({ description: 'Inclusive.' }),
}
const tail = z.coerce.number().int().min(0).max(100_000)

/** Lines as plain text, `/v2`. */
export const LogsQuery = z.strictObject({
  ...which,
  until: WrittenTime.optional().meta({ description: 'Inclusive.' }),
  tail: tail.optional().meta({ description: 'The newest so many of them.' }),
  follow: z.stringbool().optional(),
  line_max_length: z.coerce.number().int().min(1).max(1_000_000).optional(),
})
export type LogsQuery = z.output<typeof LogsQuery>

/** Lines with their time, level and replica, `/v3`. */
export const LogLinesQuery = z.strictObject({
  ...which,
  until: WrittenTime.optional().meta({ description: 'Inclusive.' }),
  tail: tail
    .max(MAX_LOG_LINES)
    .optional()
    .meta({ description: 'The newest so many; the same as `order=desc` turned round.' }),
  limit: z.coerce.number().int().min(1).max(MAX_LOG_LINES).default(DEFAULT_LOG_LINES),
  order: z.enum(['asc', 'desc']).default('asc'),
  before: z.string().max(100).optional().meta({ description: 'The `id` of a line: only older ones.' }),
  after: z.string().max(100).optional().meta({ description: 'The `id` of a line: only newer ones.' }),
})
export type LogLinesQuery = z.output<typeof LogLinesQuery>

export const FollowLogLinesQuery = z.strictObject({
  ...which,
  tail: tail.max(MAX_LOG_LINES).optional().meta({ description: 'So many older lines first.' }),
  after: z.string().max(100).optional().meta({ description: 'Goes on after the line of this `id`.' }),
})
export type FollowLogLinesQuery = z.output<typeof FollowLogLinesQuery>

export const LogLine = z.object({
  id: z.string().meta({ description: 'Berth addition: its place; later lines have a greater one.' }),
  timestamp: z.iso.datetime(),
  line: z.string(),
  stream: z.enum(['stdout', 'stderr', 'output']).meta({
    description: '`output` where a runtime writes both to one place.',
  }),
  replica_id: z.string(),
  level: LogLevel.nullable(),
})
export type LogLine = z.infer<typeof LogLine>
export const LogLineList = z.array(LogLine)
