import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { CompiledQuery, Kysely, sql } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import type { EndpointId } from '../../domain/replica.ts'
import { anEndpoint, anEvent, describeStore } from '../conformance.ts'
import { type Migration, migrate, migrations } from './migrations.ts'
import { nodeSqliteDialect } from './sqlite-dialect.ts'
import { openFile, openSqliteStore } from './sqlite-store.ts'
import type { Tables } from './tables.ts'

const KEY = randomBytes(32)
const A = 'aaaaaaaaaaaaaaaa' as EndpointId

describeStore('SQLite', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'berth-store-'))
  return {
    open: () => openSqliteStore({ file: path.join(directory, 'berth.db'), key: KEY }),
    remove: () => rm(directory, { recursive: true }),
  }
})

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'berth-store-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

const temporaryFile = async () => path.join(await temporaryDirectory(), 'berth.db')

test('kill -9 loses nothing that was acknowledged and leaves no half of a transaction', async () => {
  const file = await temporaryFile()
  const acknowledged: string[] = []
  for (let life = 0; life < 3; life++) {
    const before = acknowledged.length
    const writer = startWriter(file, life)
    for await (const line of createInterface({ input: writer.stdout! })) {
      acknowledged.push(line)
      // Goes on reading afterwards: what it acknowledged before it died is in the pipe.
      if (acknowledged.length === before + 25) writer.kill('SIGKILL')
    }
    if (writer.signalCode === null && writer.exitCode === null) await once(writer, 'exit')
    expect(writer.signalCode).toBe('SIGKILL')
  }

  const store = await openSqliteStore({ file, key: KEY })
  const ids = (await store.endpoints.list()).map(({ id }) => id as string)
  const events = await store.events.list({ limit: 1_000_000 })
  await store.close()
  expect(acknowledged.length).toBeGreaterThanOrEqual(75)
  expect(acknowledged.filter((id) => !ids.includes(id))).toEqual([])
  expect(events.map(({ message }) => message).toSorted()).toEqual(ids.toSorted())
})

/** A process that creates endpoints, each with an event in one transaction, and prints each id once it is stored. */
function startWriter(file: string, life: number): ChildProcess {
  const program = `
    import { openFile, openSqliteStore } from ${JSON.stringify(new URL('./sqlite-store.ts', import.meta.url).href)}
    const [file, key, life, endpoint, event] = process.argv.slice(1)
    const store = await openSqliteStore({ file, key: Buffer.from(key, 'hex') })
    for (let count = 0; ; count++) {
      const id = 'life' + life + 'write' + count
      const record = JSON.parse(endpoint)
      await store.transaction(async (inside) => {
        await inside.endpoints.create({ ...record, id, spec: { ...record.spec, name: id } })
        await inside.events.append({ ...JSON.parse(event), message: id })
      })
      process.stdout.write(id + '\\n')
    }`
  const data = [
    file,
    KEY.toString('hex'),
    String(life),
    JSON.stringify(anEndpoint(A)),
    JSON.stringify(anEvent({})),
  ]
  const writer = spawn(process.execPath, ['--input-type=module', '--eval', program, '--', ...data], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void writer.kill('SIGKILL'))
  return writer
}

test('a database of a newer Berth is refused, with both versions, and left as it is', async () => {
  const file = await temporaryFile()
  await (await openSqliteStore({ file, key: KEY })).close()
  const sqlite = new DatabaseSync(file)
  sqlite.exec(`update schema_version set version = ${migrations.length + 4}`)
  sqlite.close()
  await expect(openSqliteStore({ file, key: KEY })).rejects.toMatchObject({
    code: 'invalid',
    reason: 'newer_schema',
    message: expect.stringMatching(
      new RegExp(`berth\\.db has schema version ${migrations.length + 4}, .* up to ${migrations.length}`),
    ),
  })
})

test('a database of an older Berth gets the steps that it lacks, and keeps what it holds', async () => {
  const file = await temporaryFile()
  const first = await openSqliteStore({ file, key: KEY })
  await first.endpoints.create(anEndpoint(A))
  await first.close()

  const db = new Kysely<Tables>({ dialect: nodeSqliteDialect(openFile(file), file) })
  onTestFinished(() => db.destroy())
  const addColumn: Migration = (schema) => schema.alterTable('tokens').addColumn('scope', 'text').execute()
  const fail: Migration = async () => {
    throw new Error('the step fails')
  }
  await expect(migrate(db, 'sqlite', file, [...migrations, addColumn, fail])).rejects.toThrow(
    'the step fails',
  )
  const columns = async () =>
    (await db.introspection.getTables())
      .find(({ name }) => name === 'tokens')
      ?.columns.map(({ name }) => name)
  expect(await columns()).not.toContain('scope')
  await migrate(db, 'sqlite', file, [...migrations, addColumn])
  await migrate(db, 'sqlite', file, [...migrations, addColumn])
  expect(await columns()).toContain('scope')
  expect(await db.selectFrom('endpoints').select('id').execute()).toEqual([{ id: A }])
})

test('events of a database from before they had times and kinds are found by both', async () => {
  const file = await temporaryFile()
  const db = new Kysely<Tables>({ dialect: nodeSqliteDialect(openFile(file), file) })
  await migrate(db, 'sqlite', file, migrations.slice(0, 1))
  const event = anEvent({ kind: 'replica.ready', at: 1_700_000_000_000, message: 'said \u0000 \ud800' })
  const record = JSON.stringify(event)
  await sql`insert into events (endpoint, record) values ('team/guide', ${record})`.execute(db)
  await db.destroy()

  const store = await openSqliteStore({ file, key: KEY })
  onTestFinished(() => store.close())
  const filter = { kinds: ['replica'], from: event.at, to: event.at, limit: 10 }
  expect(await store.events.list(filter)).toEqual([{ ...event, sequence: 1 }])
})

test('another key is refused when the database is opened', async () => {
  const file = await temporaryFile()
  await (await openSqliteStore({ file, key: KEY })).close()
  await expect(openSqliteStore({ file, key: randomBytes(32) })).rejects.toMatchObject({
    code: 'invalid',
    reason: 'wrong_key',
    message: expect.stringContaining(file),
  })
  await (await openSqliteStore({ file, key: KEY })).close()
})

test('what cannot be opened is named, with the cause', async () => {
  const directory = await temporaryDirectory()
  const notADatabase = path.join(directory, 'notes.txt')
  await writeFile(notADatabase, 'Notes about endpoints. '.repeat(100))
  for (const [file, cause] of [
    [directory, 'EISDIR'],
    [path.join(directory, 'missing', 'berth.db'), 'ENOENT'],
    [notADatabase, 'not a database'],
  ] as const) {
    await expect(openSqliteStore({ file, key: KEY })).rejects.toMatchObject({
      code: 'unavailable',
      reason: 'database',
      message: expect.stringMatching(new RegExp(`${file}.*${cause}`)),
      cause: expect.any(Error),
    })
  }
})

test('a disk that fills up or turns read-only is told from a bug, and a transaction on it ends whole', async () => {
  const file = await temporaryFile()
  const sqlite = openFile(file)
  const db = new Kysely<Tables>({ dialect: nodeSqliteDialect(sqlite, file) })
  onTestFinished(() => db.destroy())
  await migrate(db, 'sqlite', file)
  const fill = db.transaction().execute(async (trx) => {
    sqlite.exec('pragma max_page_count = 20')
    for (;;)
      await trx
        .insertInto('events')
        .values({ endpoint: null, at: 0, kind: 'full', record: 'x'.repeat(4_000) })
        .execute()
  })
  await expect(fill).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('full') })
  expect(await db.selectFrom('events').select('sequence').execute()).toEqual([])

  sqlite.exec('pragma query_only = on')
  const write = db.insertInto('events').values({ endpoint: null, at: 0, kind: 'one', record: '{}' }).execute()
  await expect(write).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringMatching(new RegExp(`${file}.*readonly`)),
  })
  const mistake = db.executeQuery(CompiledQuery.raw('select nothing from nowhere'))
  await expect(mistake).rejects.toMatchObject({ code: 'ERR_SQLITE_ERROR' })
})

test('a transaction keeps other processes from writing from its beginning on', async () => {
  const file = await temporaryFile()
  const store = await openSqliteStore({ file, key: KEY })
  const other = new DatabaseSync(file, { timeout: 0 })
  onTestFinished(async () => {
    other.close()
    await store.close()
  })
  await store.transaction(async () => {
    expect(() => other.exec('begin immediate')).toThrow('database is locked')
  })
  other.exec('begin immediate; rollback')
})

test('nobody else may read the file, and no secret stands in it in clear', async () => {
  const file = await temporaryFile()
  const store = await openSqliteStore({ file, key: KEY })
  await store.endpoints.create(anEndpoint(A))
  await store.secrets.set(A, 'HF_TOKEN', 'hf_do_not_find_me')
  for (const part of [file, `${file}-wal`]) expect((await stat(part)).mode & 0o077).toBe(0)
  await store.close()
  const content = await readFile(file)
  expect(content.includes('HF_TOKEN')).toBe(true)
  expect(content.includes('hf_do_not_find_me')).toBe(false)
  expect(content.includes(Buffer.from('hf_do_not_find_me').toString('base64').slice(0, 20))).toBe(false)
})

test('every commit is synced to the disk, and references are enforced', async () => {
  const sqlite = openFile(await temporaryFile())
  onTestFinished(() => sqlite.close())
  expect(sqlite.prepare('pragma journal_mode').get()).toEqual({ journal_mode: 'wal' })
  expect(sqlite.prepare('pragma synchronous').get()).toEqual({ synchronous: 2 })
  expect(sqlite.prepare('pragma foreign_keys').get()).toEqual({ foreign_keys: 1 })
})
