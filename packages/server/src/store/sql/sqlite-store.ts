/**
 * The store in one SQLite file, through Node's own `node:sqlite`: the default, for one control process.
 *
 * Every commit is on the disk before it is acknowledged (WAL with `synchronous = full`). There is one connection;
 * Kysely hands it to one statement or transaction after the other.
 */
import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { Kysely } from 'kysely'
import type { Store } from '../store.ts'
import { openStore } from './sql-store.ts'
import { databaseUnusable, nodeSqliteDialect } from './sqlite-dialect.ts'
import type { Tables } from './tables.ts'

/** How long a statement waits for another process, such as a backup, that holds the file. */
const BUSY_TIMEOUT_MS = 5_000

/** @throws PlatformError `unavailable` if the file cannot be opened, `invalid` if it is newer than this program or of another key. */
export async function openSqliteStore(options: {
  readonly file: string
  readonly key: Buffer
}): Promise<Store> {
  const { file, key } = options
  const sqlite = openFile(file)
  const kysely = new Kysely<Tables>({ dialect: nodeSqliteDialect(sqlite, file) })
  return openStore({
    kysely,
    dialect: 'sqlite',
    place: file,
    key,
    // Kysely would close under a running transaction; whoever holds the connection is alone.
    disconnect: () => kysely.connection().execute(() => kysely.destroy()),
  })
}

/** The file, made if it is missing, with what a connection must be told each time. */
export function openFile(file: string): DatabaseSync {
  let sqlite: DatabaseSync | undefined
  try {
    // Made here, because SQLite would let everybody read it; its companions `-wal` and `-shm` take over the mode.
    closeSync(openSync(file, 'a', 0o600))
    sqlite = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true })
    sqlite.exec('pragma journal_mode = wal; pragma synchronous = full')
    return sqlite
  } catch (cause) {
    sqlite?.close()
    throw databaseUnusable(file, cause)
  }
}
