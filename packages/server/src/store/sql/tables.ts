/**
 * The tables, as Kysely sees them. `migrations.ts` makes them.
 *
 * A column is what the database itself looks at: keys, versions, order, what is searched for. The rest of a record is
 * JSON in `record`, whole, because PostgreSQL's `text` refuses U+0000 and UTF-8 refuses lone surrogates, and an
 * engine's last words may hold both; JSON writes them as escapes. Times are milliseconds since the epoch.
 */
import type { Generated } from 'kysely'
import type { Namespace } from '../store.ts'

export type Dialect = 'sqlite' | 'postgres'

export type Tables = {
  schema_version: { version: number }
  key_check: { id: number; sealed: string }
  namespaces: { name: string; kind: Namespace['kind']; created_at: number }
  endpoints: {
    id: string
    namespace: string
    name: string
    version: number
    updated_at: number
    record: string
  }
  revisions: {
    endpoint_id: string
    number: number
    record: string
    /** Not of the record, which is never altered: it becomes known later. */
    image_digest: string | null
  }
  scale_targets: { endpoint_id: string; record: string }
  scale_decisions: {
    sequence: Generated<number>
    endpoint_id: string
    /** When it was decided. */
    decided_at: number
    record: string
    /** What the judgement was given: JSON, deflated, in base64; empty for none. */
    judged: string
  }
  statuses: { endpoint_id: string; record: string }
  secrets: { endpoint_id: string; name: string; sealed: string }
  tokens: {
    id: string
    hash: string
    owner: string
    created_at: number
    last_used_at: number | null
    record: string
  }
  events: { sequence: Generated<number>; endpoint: string | null; at: number; kind: string; record: string }
  usage_batches: { gateway_id: string; sequence: number; at: number }
  usage_totals: { endpoint_id: string; token_id: string; period_start: number; record: string }
}
