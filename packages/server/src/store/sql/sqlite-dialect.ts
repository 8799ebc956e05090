/**
 * Kysely on Node's own `node:sqlite`: the shape that Kysely expects of a SQLite database, transactions that take the
 * write lock at their beginning, and failures of the file told from bugs.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDriver,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type SqliteStatement,
} from 'kysely'
import { messageOf, PlatformError } from '../../domain/errors.ts'

/** More than the repositories have statements; beyond it the oldest is prepared again. */
const PREPARED_STATEMENTS = 200

/** SQLite's result codes for what happens to a file and not because of a statement. The low byte is the kind. */
const FILE_FAILURES: ReadonlySet<number> = new Set([
  5, //  BUSY: another process holds the file
  6, //  LOCKED
  8, //  READONLY
  10, // IOERR
  11, // CORRUPT
  13, // FULL
  14, // CANTOPEN
  26, // NOTADB
])

export function nodeSqliteDialect(sqlite: DatabaseSync, place: string): Dialect {
  return {
    createDriver: () => new NodeSqliteDriver(sqlite, place),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createAdapter: () => new SqliteAdapter(),
    createIntrospector: (db) => new SqliteIntrospector(db),
  }
}

class NodeSqliteDriver extends SqliteDriver {
  readonly #sqlite: DatabaseSync

  constructor(sqlite: DatabaseSync, place: string) {
    super({ database: preparing(sqlite, place) })
    this.#sqlite = sqlite
  }

  /** IMMEDIATE: a transaction that reads first and then finds another process writing could only give up. */
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'))
  }

  /** A full disk ends the transaction by itself; a second rollback would fail and hide why. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#sqlite.isTransaction) await super.rollbackTransaction(connection)
  }
}

function preparing(sqlite: DatabaseSync, place: string): SqliteDatabase {
  const prepared = new Map<string, SqliteStatement>()
  return {
    prepare(text) {
      const known = prepared.get(text)
      if (known) return known
      const statement = told(place, () => runnable(sqlite.prepare(text), place))
      const [oldest] = prepared.keys()
      if (oldest !== undefined && prepared.size >= PREPARED_STATEMENTS) prepared.delete(oldest)
      prepared.set(text, statement)
      return statement
    },
    close: () => sqlite.close(),
  }
}

function runnable(statement: StatementSync, place: string): SqliteStatement {
  // The compiler writes text, numbers and null, which SQLite takes; anything else it refuses itself.
  const input = (parameters: readonly unknown[]) => parameters as readonly SQLInputValue[]
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => told(place, () => statement.all(...input(parameters))),
    run: (parameters) => told(place, () => statement.run(...input(parameters))),
    iterate: (parameters) => statement.iterate(...input(parameters)),
  }
}

function told<Result>(place: string, act: () => Result): Result {
  try {
    return act()
  } catch (error) {
    throw asUnavailable(error, place) ?? error
  }
}

function asUnavailable(error: unknown, place: string): PlatformError | undefined {
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0
  return FILE_FAILURES.has(code) ? databaseUnusable(place, error) : undefined
}

export function databaseUnusable(place: string, cause: unknown): PlatformError {
  return new PlatformError(
    'unavailable',
    `The database ${place} cannot be used: ${messageOf(cause)}. Look at the file, its directory and the room on its disk.`,
    { reason: 'database', cause },
  )
}
