/** The installation itself: what serves, and on what. */
import { z } from 'zod'
import { Timestamp } from './names.ts'

export const SystemStatus = z.object({
  version: z.string(),
  startedAt: Timestamp,
  url: z.string(),
  home: z.string(),
  store: z.enum(['sqlite', 'postgres']),
  runtimes: z.array(z.object({ name: z.string(), notices: z.array(z.string()) })),
  gateways: z.array(
    z.object({
      id: z.string(),
      worker: z.int().meta({ description: 'Its number; twice while one takes the place of another.' }),
      pid: z.int(),
      connected: z.boolean(),
      since: Timestamp,
    }),
  ),
  endpoints: z.record(z.string(), z.int()).meta({ description: 'How many endpoints are in each state.' }),
  memory: z.object({ totalBytes: z.number(), reservedBytes: z.number() }),
  certificate: z
    .object({
      names: z.array(z.string()),
      directory: z.string().meta({ description: 'Of the authority that it comes from.' }),
      expiresAt: Timestamp.nullable().meta({ description: 'Null until there is one.' }),
      nextOrderAt: Timestamp,
      failure: z
        .object({ at: Timestamp, count: z.int(), message: z.string() })
        .nullable()
        .meta({ description: 'What became of the last orders, where they failed.' }),
    })
    .nullable()
    .meta({ description: 'Null where Berth obtains none.' }),
})
export type SystemStatus = z.infer<typeof SystemStatus>
