/** Models of the Hub, looked for by a word. */
import { z } from 'zod'
import { Timestamp } from './names.ts'

export const HubSearchQuery = z.strictObject({
  search: z.string().trim().min(1).max(200).meta({ description: 'Words of the name, such as `qwen gguf`.' }),
  task: z
    .string()
    .regex(/^[a-z0-9-]{1,60}$/, 'must be a task in the Hub’s words, such as text-generation')
    .optional()
    .meta({ description: 'Only models for this task.' }),
  limit: z.coerce.number().int().min(1).max(50).default(20),
})
export type HubSearchQuery = z.infer<typeof HubSearchQuery>

export const HubModel = z.object({
  repository: z.string().meta({ description: 'As `model.repository` of an endpoint.' }),
  task: z.string().nullable(),
  library: z.string().nullable(),
  downloads: z.int().meta({ description: 'In the last month.' }),
  likes: z.int(),
  updatedAt: Timestamp.nullable(),
  gated: z.boolean().meta({ description: 'Its terms must be accepted on the Hub first.' }),
  private: z.boolean(),
})
export type HubModel = z.infer<typeof HubModel>

export const HubSearch = z.object({
  hub: z.string().meta({ description: 'The address that was asked: HF_ENDPOINT of the server.' }),
  problem: z.string().nullable().meta({
    description:
      'Why the Hub could not be asked; null when it answered. A model can be deployed by its name all the same.',
  }),
  items: z.array(HubModel).meta({ description: 'The most downloaded first.' }),
})
export type HubSearch = z.infer<typeof HubSearch>
