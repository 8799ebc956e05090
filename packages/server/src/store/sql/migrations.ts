/**
 * How the tables came to be: one list of steps for both databases.
 *
 * A step that has been released is never changed, only followed by another. All missing steps run in one transaction
 * under a lock, so that two programs that start at once do not both run them and a crash leaves no half of one.
 */
import { type CreateTableBuilder, type Kysely, type SchemaModule, sql } from 'kysely'
import { PlatformError } from '../../domain/errors.ts'
import type { Dialect, Tables } from './tables.ts'

export type Migration = (schema: SchemaModule, dialect: Dialect, db: Kysely<Tables>) => Promise<void>

/** Any number that nobody else takes as an advisory lock in the same database: "berth" in ASCII. */
const MIGRATION_LOCK = 0x62_65_72_74_68

export const migrations: readonly Migration[] = [
  firstTables,
  scaleDecisions,
  usageTables,
  eventTimes,
  tokenUses,
  imageDigests,
]

/** @throws PlatformError `invalid` with reason `newer_schema` if a newer Berth has migrated this database. */
export async function migrate(
  db: Kysely<Tables>,
  dialect: Dialect,
  place: string,
  steps: readonly Migration[] = migrations,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    if (dialect === 'postgres') await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`.execute(trx)
    await trx.schema
      .createTable('schema_version')
      .ifNotExists()
      .addColumn('version', 'integer', (column) => column.notNull())
      .execute()
    const row = await trx.selectFrom('schema_version').select('version').executeTakeFirst()
    const version = row?.version ?? 0
    if (version > steps.length) {
      throw new PlatformError(
        'invalid',
        `The database ${place} has schema version ${version}, and this Berth knows versions up to ${steps.length}. ` +
          'Start the newer Berth that migrated it, or restore a backup from before.',
        { reason: 'newer_schema' },
      )
    }
    for (const step of steps.slice(version)) await step(trx.schema, dialect, trx)
    if (row) await trx.updateTable('schema_version').set({ version: steps.length }).execute()
    else await trx.insertInto('schema_version').values({ version: steps.length }).execute()
  })
}

async function firstTables(schema: SchemaModule, dialect: Dialect): Promise<void> {
  await schema
    .createTable('key_check')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('sealed', 'text', (column) => column.notNull())
    .execute()
  await schema
    .createTable('namespaces')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute()
  await schema
    .createTable('endpoints')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('namespace', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addColumn('record', 'text', (column) => column.notNull())
    .addUniqueConstraint('endpoints_namespace_name', ['namespace', 'name'])
    .execute()
  await ofEndpoint(schema, 'revisions')
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('record', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('revisions_key', ['endpoint_id', 'number'])
    .execute()
  for (const table of ['scale_targets', 'statuses']) {
    await ofEndpoint(schema, table)
      .addColumn('record', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint(`${table}_key`, ['endpoint_id'])
      .execute()
  }
  await ofEndpoint(schema, 'secrets')
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('sealed', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('secrets_key', ['endpoint_id', 'name'])
    .execute()
  await schema
    .createTable('tokens')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('hash', 'text', (column) => column.notNull().unique())
    .addColumn('owner', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('record', 'text', (column) => column.notNull())
    .execute()
  await numbered(schema.createTable('events'), dialect)
    .addColumn('endpoint', 'text')
    .addColumn('record', 'text', (column) => column.notNull())
    .execute()
  await schema.createIndex('events_endpoint').on('events').columns(['endpoint', 'sequence']).execute()
}

async function scaleDecisions(schema: SchemaModule, dialect: Dialect): Promise<void> {
  await numbered(ofEndpoint(schema, 'scale_decisions'), dialect)
    .addColumn('decided_at', 'bigint', (column) => column.notNull())
    .addColumn('record', 'text', (column) => column.notNull())
    .addColumn('judged', 'text', (column) => column.notNull())
    .execute()
  await schema
    .createIndex('scale_decisions_endpoint')
    .on('scale_decisions')
    .columns(['endpoint_id', 'sequence'])
    .execute()
}

/** A growing number for each row. AUTOINCREMENT: one is never given twice, whatever is removed some day. */
function numbered<Table extends string>(table: CreateTableBuilder<Table>, dialect: Dialect) {
  return dialect === 'sqlite'
    ? table.addColumn('sequence', 'integer', (column) => column.primaryKey().autoIncrement())
    : table.addColumn('sequence', 'bigint', (column) => column.primaryKey().generatedAlwaysAsIdentity())
}

async function usageTables(schema: SchemaModule): Promise<void> {
  await schema
    .createTable('usage_batches')
    .addColumn('gateway_id', 'text', (column) => column.primaryKey())
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .execute()
  await schema
    .createTable('usage_totals')
    .addColumn('endpoint_id', 'text', (column) => column.notNull())
    .addColumn('token_id', 'text', (column) => column.notNull())
    .addColumn('period_start', 'bigint', (column) => column.notNull())
    .addColumn('record', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('usage_totals_key', ['endpoint_id', 'period_start', 'token_id'])
    .execute()
  await schema.createIndex('usage_totals_period').on('usage_totals').column('period_start').execute()
}

/** Events are asked for by time and kind, so both become columns. */
async function eventTimes(schema: SchemaModule, dialect: Dialect, db: Kysely<Tables>): Promise<void> {
  await schema
    .alterTable('events')
    .addColumn('at', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute()
  await schema
    .alterTable('events')
    .addColumn('kind', 'text', (column) => column.notNull().defaultTo(''))
    .execute()
  const field = (name: string) =>
    dialect === 'sqlite'
      ? sql`json_extract(record, ${sql.lit(`$.${name}`)})`
      : sql`(record::json ->> ${sql.lit(name)})`
  await sql`update events set at = cast(${field('at')} as bigint), kind = ${field('kind')}`.execute(db)
  await schema.createIndex('events_endpoint_at').on('events').columns(['endpoint', 'at']).execute()
}

async function tokenUses(schema: SchemaModule): Promise<void> {
  await schema.alterTable('tokens').addColumn('last_used_at', 'bigint').execute()
}

async function imageDigests(schema: SchemaModule): Promise<void> {
  await schema.alterTable('revisions').addColumn('image_digest', 'text').execute()
}

/** A table whose rows go when their endpoint goes. */
function ofEndpoint(schema: SchemaModule, table: string) {
  return schema
    .createTable(table)
    .addColumn('endpoint_id', 'text', (column) =>
      column.notNull().references('endpoints.id').onDelete('cascade'),
    )
}
