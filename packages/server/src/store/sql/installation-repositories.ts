/** What belongs to the installation and to no endpoint: namespaces, tokens, events. Written once for both databases. */
import { type Expression, type ExpressionBuilder, type Kysely, type SqlBool, sql } from 'kysely'
import { PlatformError } from '../../domain/errors.ts'
import type {
  EventBounds,
  EventFilter,
  EventRecord,
  EventRepository,
  NamespaceRepository,
  TokenRecord,
  TokenRepository,
} from '../store.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

export function namespaceRepository(db: Db): NamespaceRepository {
  return {
    async create({ name, kind, createdAt }) {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('namespaces')
        .values({ name, kind, created_at: createdAt })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst()
      if (!numInsertedOrUpdatedRows) {
        throw new PlatformError('conflict', `The namespace ${name} exists already. Choose another name.`, {
          reason: 'namespace_exists',
          field: 'name',
        })
      }
    },

    async get(name) {
      return namespaces(db).where('name', '=', name).executeTakeFirst()
    },

    async list() {
      // Sorted here, because PostgreSQL would sort by its locale. No two names are equal.
      return (await namespaces(db).execute()).toSorted((a, b) => (a.name < b.name ? -1 : 1))
    },
  }
}

const namespaces = (db: Db) => db.selectFrom('namespaces').select(['name', 'kind', 'created_at as createdAt'])

export function tokenRepository(db: Db): TokenRepository {
  return {
    async create(token) {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('tokens')
        .values({
          id: token.id,
          hash: token.hash,
          owner: token.user,
          created_at: token.createdAt,
          record: JSON.stringify(token),
        })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst()
      if (!numInsertedOrUpdatedRows) {
        throw new PlatformError('conflict', `The token ${token.id}, or its text, exists already.`, {
          reason: 'token_exists',
        })
      }
    },

    async findByHash(hash) {
      const row = await db.selectFrom('tokens').select('record').where('hash', '=', hash).executeTakeFirst()
      return row && (JSON.parse(row.record) as TokenRecord)
    },

    async list(user) {
      const rows = await db
        .selectFrom('tokens')
        .select(['record', 'last_used_at'])
        .$if(user !== undefined, (query) => query.where('owner', '=', user ?? ''))
        .orderBy('created_at', 'desc')
        .orderBy('id')
        .execute()
      return rows.map((row) => ({
        ...(JSON.parse(row.record) as TokenRecord),
        lastUsedAt: row.last_used_at,
      }))
    },

    async used(uses) {
      for (const { id, at } of uses) {
        await db
          .updateTable('tokens')
          .set({ last_used_at: at })
          .where('id', '=', id)
          .where(({ or, eb }) => or([eb('last_used_at', 'is', null), eb('last_used_at', '<', at)]))
          .execute()
      }
    },

    async revoke(id) {
      const { numDeletedRows } = await db.deleteFrom('tokens').where('id', '=', id).executeTakeFirst()
      return numDeletedRows > 0n
    },
  }
}

export function eventRepository(db: Db): EventRepository {
  return {
    async append(event) {
      const { endpoint, at, kind } = event
      await db
        .insertInto('events')
        .values({ endpoint, at, kind, record: JSON.stringify(event) })
        .execute()
    },

    async list(filter) {
      const rows = await matching(db, filter)
        .orderBy('sequence', filter.after === undefined ? 'desc' : 'asc')
        .limit(filter.limit)
        .execute()
      return rows.map((row) => ({
        ...(JSON.parse(row.record) as Omit<EventRecord, 'sequence'>),
        sequence: row.sequence,
      }))
    },

    async prune(bounds) {
      // Endpoint by endpoint: a log of a million must not hold the process up.
      const found = await db.selectFrom('events').select('endpoint').distinct().execute()
      for (const { endpoint } of found) await pruneOf(db, endpoint, bounds)
    },
  }
}

async function pruneOf(db: Db, endpoint: string | null, bounds: EventBounds): Promise<void> {
  const isOf = (eb: Build) => (endpoint === null ? eb('endpoint', 'is', null) : eb('endpoint', '=', endpoint))
  const { last } = await db
    .selectFrom('events')
    .select(({ fn }) => fn.max('sequence').as('last'))
    .where(isOf)
    .executeTakeFirstOrThrow()
  const tooMany = await db
    .selectFrom('events')
    .select('sequence')
    .where(isOf)
    .where((eb) => isBound(eb, bounds))
    .orderBy('sequence', 'desc')
    .limit(1)
    .offset(bounds.perEndpoint)
    .executeTakeFirst()
  await db
    .deleteFrom('events')
    .where(isOf)
    .where((eb) => isBound(eb, bounds))
    .where('sequence', '<', last)
    .where((eb) =>
      eb.or([eb('at', '<', bounds.before), ...(tooMany ? [eb('sequence', '<=', tooMany.sequence)] : [])]),
    )
    .execute()
}

type Build = ExpressionBuilder<Tables, 'events'>

function isBound(eb: Build, { only, except }: EventBounds): Expression<SqlBool> {
  return eb.and([...(only ? [isOfKinds(eb, only)] : []), ...(except ? [eb.not(isOfKinds(eb, except))] : [])])
}

/** Whole kinds, or their beginnings up to a dot. */
const isOfKinds = (eb: Build, kinds: readonly string[]) =>
  eb.or(kinds.flatMap((kind) => [eb('kind', '=', kind), begins('kind', `${kind}.`)]))

function matching(db: Db, { endpoint, namespace, from, to, kinds, before, after }: EventFilter) {
  return db
    .selectFrom('events')
    .select(['sequence', 'record'])
    .$if(endpoint !== undefined, (query) => query.where('endpoint', '=', endpoint ?? ''))
    .$if(namespace !== undefined, (query) => query.where(begins('endpoint', `${namespace}/`)))
    .$if(from !== undefined, (query) => query.where('at', '>=', from ?? 0))
    .$if(to !== undefined, (query) => query.where('at', '<=', to ?? 0))
    .$if(before !== undefined, (query) => query.where('sequence', '<', before ?? 0))
    .$if(after !== undefined, (query) => query.where('sequence', '>', after ?? 0))
    .$if(kinds !== undefined, (query) => query.where((eb) => isOfKinds(eb, kinds ?? [])))
}

/** Not LIKE, which folds letters on SQLite. */
const begins = (column: 'endpoint' | 'kind', start: string) =>
  sql<boolean>`substr(${sql.ref(column)}, 1, ${sql.lit(start.length)}) = ${start}`
