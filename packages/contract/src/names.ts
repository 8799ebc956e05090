/** Names and paths that several shapes share, with messages that say the rule. */
import { z } from 'zod'

export const EndpointName = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/,
    'must be 1 to 32 lower-case letters, digits and hyphens, and neither begin nor end with a hyphen',
  )
  .meta({ description: 'Unique within the namespace.', examples: ['guide'] })

export const NamespaceName = z
  .string()
  .regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,40}[A-Za-z0-9])?$/,
    'must be 1 to 42 letters, digits and hyphens, and neither begin nor end with a hyphen',
  )
  .meta({ description: 'A user or an organisation.', examples: ['admin'] })

export const EnvironmentName = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_]{0,127}$/,
    'must be letters, digits and underscores, not beginning with a digit',
  )

/** RFC 3339 in UTC, ending in `Z`: Hugging Face clients refuse anything else. */
export const Timestamp = z.iso.datetime({
  offset: false,
  error: 'must be a time in UTC, such as 2026-08-01T10:00:00Z',
})

export const Actor = z.object({ id: z.string(), name: z.string() })
export type Actor = z.infer<typeof Actor>

/** A time as a caller may write it: any offset. */
export const WrittenTime = z.iso.datetime({
  offset: true,
  error: 'must be a time such as 2026-08-01T10:00:00Z',
})

export const ReplicaId = z
  .string()
  .regex(/^[a-z0-9-]{1,100}$/, 'must be the id of a replica, such as abcdefgh-ijklm')
