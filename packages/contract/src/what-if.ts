/** What an endpoint was asked lately and what its replicas carry: enough to play it again under another policy. */
import { z } from 'zod'
import { Scaling } from './compute.ts'
import { Timestamp, WrittenTime } from './names.ts'

export const MAX_WHAT_IF_REQUESTS = 200_000

export const WhatIfQuery = z.strictObject({
  from: WrittenTime.optional().meta({ description: 'Without it, a week before `to`.' }),
  to: WrittenTime.optional().meta({ description: 'Without it, now.' }),
})

const column = (description: string) => z.array(z.number().nullable()).meta({ description })

export const WhatIfFacts = z.object({
  start: Timestamp,
  stop: Timestamp,
  complete: z.boolean().meta({ description: `false: only the latest ${MAX_WHAT_IF_REQUESTS} are told.` }),
  scaling: Scaling.meta({ description: 'As it is now.' }),
  pricePerHour: z.number().meta({ description: 'Of one replica.' }),
  startMs: z
    .array(z.number())
    .meta({ description: 'How long the latest starts of replicas took, newest last.' }),
  requests: z
    .object({
      atMs: column('Milliseconds after `start`, ascending.'),
      inputTokens: column('Of the prompt.'),
      cachedTokens: column('Of those, what the engine did not have to compute again.'),
      outputTokens: column('Of the answer.'),
      heldMs: column('Waiting for a replica.'),
      durationMs: column('From arrival to the end.'),
      firstTokenMs: column('From getting a replica to the first token; null for what is no stream.'),
      interTokenMs: column('Mean between two tokens; null for what is no stream.'),
      replica: column('The same number for the same replica.'),
    })
    .meta({ description: 'Columns of the same length. Nothing of any content.' }),
})
export type WhatIfFacts = z.infer<typeof WhatIfFacts>
