/**
 * The endpoint and what belongs to it: revisions, scale target, status, secrets. Written once for both databases.
 *
 * A refusal is found by counting the rows that a statement touched, never by letting it fail: PostgreSQL gives up a
 * whole transaction after one failed statement, and a caller may well catch a conflict and go on.
 */
import { type Kysely, sql } from 'kysely'
import type { EndpointRecord, Revision, ScaleTarget } from '../../domain/endpoint.ts'
import { endpointKey } from '../../domain/endpoint.ts'
import type { StatusRecord } from '../../domain/endpoint-status.ts'
import { PlatformError } from '../../domain/errors.ts'
import type { EndpointId } from '../../domain/replica.ts'
import type { SecretBox } from '../secret-box.ts'
import type {
  EndpointRepository,
  RevisionRepository,
  ScaleTargetRepository,
  SecretRepository,
  StatusRepository,
} from '../store.ts'
import type { Dialect, Tables } from './tables.ts'

type Db = Kysely<Tables>

export function endpointRepository(db: Db): EndpointRepository {
  return {
    async create(endpoint) {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('endpoints')
        .values({
          id: endpoint.id,
          namespace: endpoint.namespace,
          name: endpoint.spec.name,
          ...changing(endpoint),
        })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst()
      if (!numInsertedOrUpdatedRows) {
        throw new PlatformError(
          'conflict',
          `The endpoint ${endpointKey(endpoint)} exists already. Choose another name, or change that one.`,
          { reason: 'endpoint_exists', field: 'name' },
        )
      }
    },

    async save(endpoint, expectedVersion) {
      const saved = { ...endpoint, version: expectedVersion + 1 }
      const { numUpdatedRows } = await db
        .updateTable('endpoints')
        .set(changing(saved))
        .where('id', '=', endpoint.id)
        .where('version', '=', expectedVersion)
        .where('namespace', '=', endpoint.namespace)
        .where('name', '=', endpoint.spec.name)
        .executeTakeFirst()
      if (numUpdatedRows === 0n) throw await whyNotSaved(db, endpoint, expectedVersion)
      return saved
    },

    async get(id) {
      return fromRow(
        await db.selectFrom('endpoints').select('record').where('id', '=', id).executeTakeFirst(),
      )
    },

    async find(namespace, name) {
      return fromRow(
        await db
          .selectFrom('endpoints')
          .select('record')
          .where('namespace', '=', namespace)
          .where('name', '=', name)
          .executeTakeFirst(),
      )
    },

    async list(namespace) {
      const rows = await db
        .selectFrom('endpoints')
        .select('record')
        .$if(namespace !== undefined, (query) => query.where('namespace', '=', namespace ?? ''))
        .orderBy('updated_at', 'desc')
        .orderBy('id')
        .execute()
      return rows.map((row) => parsed<EndpointRecord>(row.record))
    },

    async delete(id) {
      await db.deleteFrom('endpoints').where('id', '=', id).execute()
    },
  }
}

export function revisionRepository(db: Db, dialect: Dialect): RevisionRepository {
  return {
    async append(revision) {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('revisions')
        .columns(['endpoint_id', 'number', 'record'])
        .expression(
          living(db, dialect, revision.endpointId).select([
            'id',
            sql<number>`cast(${revision.number} as integer)`.as('number'),
            text(JSON.stringify(revision)).as('record'),
          ]),
        )
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst()
      if (numInsertedOrUpdatedRows) return
      const taken = await this.get(revision.endpointId, revision.number)
      if (!taken) throw endpointGone(revision.endpointId)
      throw new PlatformError(
        'conflict',
        `The endpoint ${revision.endpointId} has a revision ${revision.number} already. Read it again, then retry.`,
        { reason: 'revision_exists' },
      )
    },

    async get(endpointId, number) {
      const row = await db
        .selectFrom('revisions')
        .select(['record', 'image_digest'])
        .where('endpoint_id', '=', endpointId)
        .where('number', '=', number)
        .executeTakeFirst()
      return row && revisionFrom(row)
    },

    async noteImage(endpointId, number, imageDigest) {
      await db
        .updateTable('revisions')
        .set({ image_digest: imageDigest })
        .where('endpoint_id', '=', endpointId)
        .where('number', '=', number)
        .where('image_digest', 'is', null)
        .execute()
    },

    async list(endpointId, limit) {
      const rows = await db
        .selectFrom('revisions')
        .select(['record', 'image_digest'])
        .where('endpoint_id', '=', endpointId)
        .orderBy('number', 'desc')
        .limit(limit)
        .execute()
      return rows.map(revisionFrom)
    },
  }
}

export function scaleTargetRepository(db: Db, dialect: Dialect): ScaleTargetRepository {
  const targets = reports<ScaleTarget>(db, dialect, 'scale_targets')
  return { set: targets.set, get: targets.get }
}

export function statusRepository(db: Db, dialect: Dialect): StatusRepository {
  return reports<StatusRecord>(db, dialect, 'statuses')
}

/** The latest report on each endpoint. One about an endpoint that is gone is late, not wrong, and is dropped. */
function reports<Report extends { readonly endpointId: EndpointId }>(
  db: Db,
  dialect: Dialect,
  table: 'scale_targets' | 'statuses',
) {
  return {
    async set(report: Report): Promise<void> {
      await db
        .insertInto(table)
        .columns(['endpoint_id', 'record'])
        .expression(
          living(db, dialect, report.endpointId).select(['id', text(JSON.stringify(report)).as('record')]),
        )
        .onConflict((conflict) =>
          conflict.column('endpoint_id').doUpdateSet((set) => ({ record: set.ref('excluded.record') })),
        )
        .execute()
    },

    async get(endpointId: EndpointId): Promise<Report | undefined> {
      const row = await db
        .selectFrom(table)
        .select('record')
        .where('endpoint_id', '=', endpointId)
        .executeTakeFirst()
      return row && parsed<Report>(row.record)
    },

    async list(): Promise<readonly Report[]> {
      const rows = await db.selectFrom(table).select('record').execute()
      return rows.map((row) => parsed<Report>(row.record))
    },
  }
}

export function secretRepository(db: Db, dialect: Dialect, box: SecretBox): SecretRepository {
  return {
    async set(endpointId, name, value) {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('secrets')
        .columns(['endpoint_id', 'name', 'sealed'])
        .expression(
          living(db, dialect, endpointId).select([
            'id',
            text(name).as('name'),
            text(box.seal(value, [endpointId, name])).as('sealed'),
          ]),
        )
        .onConflict((conflict) =>
          conflict
            .columns(['endpoint_id', 'name'])
            .doUpdateSet((set) => ({ sealed: set.ref('excluded.sealed') })),
        )
        .executeTakeFirst()
      if (!numInsertedOrUpdatedRows) throw endpointGone(endpointId)
    },

    async remove(endpointId, name) {
      await db.deleteFrom('secrets').where('endpoint_id', '=', endpointId).where('name', '=', name).execute()
    },

    async names(endpointId) {
      const rows = await db
        .selectFrom('secrets')
        .select('name')
        .where('endpoint_id', '=', endpointId)
        .execute()
      // Sorted here, because PostgreSQL would sort by its locale.
      return rows.map((row) => row.name).toSorted()
    },

    async reveal(endpointId) {
      const rows = await db
        .selectFrom('secrets')
        .select(['name', 'sealed'])
        .where('endpoint_id', '=', endpointId)
        .execute()
      return Object.fromEntries(rows.map((row) => [row.name, box.open(row.sealed, [endpointId, row.name])]))
    },
  }
}

/**
 * The endpoint as something to insert from, so that nothing is written for one that is gone. On PostgreSQL it is also
 * held until the transaction ends, or a delete between the look and the write would make the write fail.
 */
export function living(db: Db, dialect: Dialect, id: EndpointId) {
  return db
    .selectFrom('endpoints')
    .where('id', '=', id)
    .$if(dialect === 'postgres', (query) => query.forKeyShare())
}

export const text = (value: string) => sql<string>`cast(${value} as text)`

const changing = (endpoint: EndpointRecord) => ({
  version: endpoint.version,
  updated_at: endpoint.updatedAt,
  record: JSON.stringify(endpoint),
})

/** What this room wrote itself is not validated again. */
const parsed = <Shape>(record: string) => JSON.parse(record) as Shape

function revisionFrom(row: { record: string; image_digest: string | null }): Revision {
  const revision = parsed<Revision>(row.record)
  return row.image_digest === null ? revision : { ...revision, imageDigest: row.image_digest }
}

const fromRow = (row: { record: string } | undefined) => row && parsed<EndpointRecord>(row.record)

async function whyNotSaved(
  db: Db,
  endpoint: EndpointRecord,
  expectedVersion: number,
): Promise<PlatformError> {
  const row = await db
    .selectFrom('endpoints')
    .select(['namespace', 'name', 'version'])
    .where('id', '=', endpoint.id)
    .executeTakeFirst()
  const key = endpointKey(endpoint)
  if (!row) {
    return new PlatformError('conflict', `The endpoint ${key} was deleted meanwhile.`, {
      reason: 'endpoint_deleted',
    })
  }
  if (row.namespace !== endpoint.namespace || row.name !== endpoint.spec.name) {
    return new PlatformError(
      'invalid',
      `The endpoint ${row.namespace}/${row.name} cannot become ${key}: a name cannot change. Create another endpoint.`,
      { reason: 'renamed', field: 'name' },
    )
  }
  return new PlatformError(
    'conflict',
    `The endpoint ${key} was changed meanwhile: it is at version ${row.version}, not ${expectedVersion}. Read it again, then retry.`,
    { reason: 'stale_version' },
  )
}

function endpointGone(id: EndpointId): PlatformError {
  return new PlatformError('conflict', `There is no endpoint ${id} any more.`, { reason: 'endpoint_deleted' })
}
