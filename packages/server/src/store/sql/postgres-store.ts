/**
 * The store in PostgreSQL, through `pg`: for installations with more than one control process.
 *
 * The tables are made in the first schema of the connection's search path.
 */
import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely'
import { DatabaseError, Pool, types } from 'pg'
import { messageOf, PlatformError } from '../../domain/errors.ts'
import type { Store } from '../store.ts'
import { openStore } from './sql-store.ts'
import type { Tables } from './tables.ts'

const CONNECTIONS = 10
const CONNECT_TIMEOUT_MS = 10_000

/**
 * Classes of SQLSTATE that are no fault of the statement: connection, wrong state (read-only standby), rolled back to
 * resolve a deadlock, out of resources, stopped by the operator, system error.
 */
const SERVER_FAILURES = new Set(['08', '25', '40', '53', '57', '58'])

/** @throws PlatformError `unavailable` if the server does not let us in, `invalid` if the database is newer than this program or of another key. */
export async function openPostgresStore(options: {
  /** `postgres://user:password@host:5432/database` */
  readonly url: string
  readonly key: Buffer
}): Promise<Store> {
  const { url, key } = options
  const place = placeOf(url)
  const pool = new Pool({
    connectionString: url,
    max: CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'berth',
    types: { getTypeParser: numbersForBigints },
  })
  // An idle connection that breaks is replaced by the next query; unheard, the event would end the process.
  pool.on('error', () => {})
  const connections = new Connections(pool, place)
  const kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: connections }) })
  return openStore({
    kysely,
    dialect: 'postgres',
    place,
    key,
    disconnect: async () => {
      // Kysely would turn away whoever still waits for a connection.
      await connections.allReturned()
      await kysely.destroy()
    },
  })
}

/** Times and sequences stay far below 2^53. Set here and not for the whole process, which is not ours alone. */
const numbersForBigints = ((oid: number, format?: 'text') =>
  oid === types.builtins.INT8 ? Number : types.getTypeParser(oid, format)) as typeof types.getTypeParser

/** The address without user, password and parameters, for messages. */
function placeOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol !== 'postgres:' && parsed?.protocol !== 'postgresql:') {
    throw new PlatformError(
      'invalid',
      'The address of the PostgreSQL database must look like postgres://user:password@host:5432/database.',
      { reason: 'database_url' },
    )
  }
  return `${parsed.host || parsed.searchParams.get('host') || 'localhost'}${parsed.pathname}`
}

/** The pool, counting what is lent, and telling failures of the server from bugs. */
class Connections implements PostgresPool {
  readonly options: object
  readonly #pool: Pool
  readonly #place: string
  /** Lent, or asked for and not yet there. */
  #lent = 0
  #waiting: (() => void)[] = []

  constructor(pool: Pool, place: string) {
    this.options = pool.options
    this.#pool = pool
    this.#place = place
  }

  async connect(): Promise<PostgresPoolClient> {
    this.#lent += 1
    // Whatever keeps us from connecting, a wrong password too, is no bug of ours.
    const client = await this.#pool.connect().catch((error: unknown) => {
      this.#returned()
      throw databaseUnusable(this.#place, error)
    })
    // A connection that breaks between two statements says so in the next one.
    const ignore = () => {}
    client.on('error', ignore)
    const query = async (text: string, parameters: readonly unknown[]): Promise<unknown> => {
      try {
        return await client.query(text, [...parameters])
      } catch (error) {
        throw isServerFailure(error) ? databaseUnusable(this.#place, error) : error
      }
    }
    return {
      // Kysely's type also has a second form, for cursors; that one it uses only if it was given a cursor class.
      query: query as never,
      release: (destroy) => {
        client.off('error', ignore)
        client.release(destroy)
        this.#returned()
      },
    }
  }

  end(): Promise<void> {
    return this.#pool.end()
  }

  allReturned(): Promise<void> {
    if (this.#lent === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #returned(): void {
    this.#lent -= 1
    if (this.#lent > 0) return
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

/** What the server did not say itself, the connection did, or else the language about a mistake of ours. */
function isServerFailure(error: unknown): boolean {
  if (error instanceof DatabaseError) return SERVER_FAILURES.has(error.code?.slice(0, 2) ?? '')
  return !(error instanceof TypeError)
}

function databaseUnusable(place: string, cause: unknown): PlatformError {
  // A name with several addresses fails once for each, and the whole has no message of its own.
  const said = cause instanceof AggregateError ? cause.errors.map(messageOf).join('; ') : messageOf(cause)
  return new PlatformError(
    'unavailable',
    `The database ${place} cannot be used: ${said}. Look at the PostgreSQL server, then retry.`,
    { reason: 'database', cause },
  )
}
