/** The model that an endpoint serves and how its engine is started. */
import { z } from 'zod'
import { Image } from './image.ts'
import { EnvironmentName } from './names.ts'

const MAX_VALUE_LENGTH = 32_768
const Value = z.string().max(MAX_VALUE_LENGTH)
const List = z.array(z.string().max(4_096)).max(256)

/** As the part of a model's name behind the colon, so it holds no colon and no slash. */
const AdapterName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, {
  message: 'it must be letters, digits, ".", "_" and "-", at most 63, and begin with a letter or digit',
})
export const MAX_ADAPTERS = 32

const fields = {
  repository: z
    .string()
    .min(1)
    .max(1_000)
    .meta({
      description:
        'org/name on the Hub. Berth additions: file:/absolute/path (below an allowed root) and berth/guide (built in).',
      examples: ['berth/guide', 'Qwen/Qwen2.5-0.5B-Instruct-GGUF'],
    }),
  framework: z
    .string()
    .min(1)
    .max(50)
    .meta({ examples: ['custom', 'pytorch', 'llamacpp'] }),
  image: Image,
  revision: z
    .string()
    .min(1)
    .max(200)
    .nullable()
    .meta({ description: 'Branch, tag or commit; pinned to a commit when accepted.' }),
  task: z.string().min(1).max(60).nullable(),
  args: List,
  command: List,
  env: z.record(EnvironmentName, Value),
  adapters: z
    .record(
      AdapterName,
      z.strictObject({
        repository: z.string().min(1).max(1_000),
        revision: z.string().min(1).max(200).nullable().optional(),
      }),
    )
    .refine((adapters) => Object.keys(adapters).length <= MAX_ADAPTERS, {
      message: `there can be at most ${MAX_ADAPTERS}`,
    })
    .meta({
      description:
        'Berth addition: LoRA adapters beside the model, by name, called as "namespace/endpoint:name". Pinned to a commit and to their content when accepted.',
    }),
}

export const Model = z.strictObject({
  repository: fields.repository,
  framework: fields.framework,
  image: fields.image,
  revision: fields.revision.optional(),
  task: fields.task.optional(),
  args: fields.args.optional(),
  command: fields.command.optional(),
  env: fields.env.optional(),
  adapters: fields.adapters.optional(),
  secrets: z
    .record(EnvironmentName, Value)
    .optional()
    .meta({ description: 'Encrypted at rest; never returned.' }),
  fromCatalog: z.boolean().optional().meta({ readOnly: true }),
})
export type Model = z.infer<typeof Model>

export const ModelUpdate = z
  .strictObject({
    ...fields,
    secrets: z
      .record(EnvironmentName, Value.nullable())
      .meta({ description: 'Merged by key; null deletes.' }),
    fromCatalog: z.boolean().meta({ readOnly: true }),
  })
  .partial()
export type ModelUpdate = z.infer<typeof ModelUpdate>
