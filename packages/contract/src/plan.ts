/** What a change would do, before it is made, and what changes did. */
import { z } from 'zod'

export const Change = z.object({
  path: z.string().meta({ description: 'The field, dotted.' }),
  from: z.unknown(),
  to: z.unknown(),
})
export type Change = z.infer<typeof Change>

export const UpdatePlan = z.object({
  changes: z.array(Change).meta({ description: 'Empty: nothing would change.' }),
  revision: z.int().meta({ description: 'What the newest revision would be.' }),
  restarts: z.boolean().meta({ description: 'Whether replicas would be replaced, one by one.' }),
  replicas: z.int().meta({ description: 'How many run now and would be replaced.' }),
  reason: z.string().meta({ description: 'The same in one sentence, for a person.' }),
  pricePerHour: z.object({ from: z.number(), to: z.number() }).meta({ description: 'Of one replica.' }),
})
export type UpdatePlan = z.infer<typeof UpdatePlan>

export const RollbackBody = z.strictObject({
  revision: z.int().min(1).meta({ description: 'The number of an earlier revision.' }),
})
