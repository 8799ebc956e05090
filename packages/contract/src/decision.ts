/** What the autoscaler decided and why, as it is kept and told. */
import { z } from 'zod'
import { Timestamp } from './names.ts'

export const DecisionView = z.object({
  sequence: z.int().nullable().meta({ description: 'Grows with time; null for what is not kept (yet).' }),
  kind: z.enum(['change', 'summary', 'present']).meta({
    description:
      'change: the count became another. summary: an hour without a change. present: the judgement of this moment.',
  }),
  at: Timestamp.meta({ description: 'When it was decided; of a summary, when its hour began.' }),
  until: Timestamp.nullable().meta({ description: 'Of a summary, when its hour ended; else null.' }),
  from: z.int().meta({ description: 'Replicas asked for before.' }),
  to: z.int().meta({ description: 'Replicas asked for since.' }),
  term: z.string().meta({
    description: 'The rule that bound, for example "pendingHigh", "idle", "maximum", "costCeiling".',
  }),
  sentence: z.string().meta({ description: 'Why, in one sentence with its figures.' }),
  inputs: z.record(z.string(), z.number()).meta({ description: 'The figures that led there, by name.' }),
  alternative: z
    .object({ count: z.int(), term: z.string() })
    .nullable()
    .meta({ description: 'What would have been decided without the rule that bound.' }),
  holdsUntil: Timestamp.nullable().meta({ description: 'The count does not go down before.' }),
  infeasible: z.boolean().meta({ description: 'No count up to the maximum keeps the latency promise.' }),
  terms: z
    .record(z.string(), z.int())
    .nullable()
    .meta({ description: 'Of a summary: how often which rule bound; else null.' }),
})
export type DecisionView = z.infer<typeof DecisionView>

export const DecisionList = z.object({
  items: z.array(DecisionView).meta({ description: 'The newest first.' }),
  present: DecisionView.nullable().meta({
    description: 'The judgement of this moment; null while it is paused or was not judged yet.',
  }),
})
export type DecisionList = z.infer<typeof DecisionList>

export const DecisionsQuery = z.strictObject({
  at: Timestamp.optional().meta({ description: 'Those that were known at this time; without it, all.' }),
  since: Timestamp.optional().meta({ description: 'None from before this time.' }),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
})
