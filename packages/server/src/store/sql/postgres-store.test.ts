import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { Client } from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { EndpointId } from '../../domain/replica.ts'
import { anEndpoint, anEvent, describeStore } from '../conformance.ts'
import { openPostgresStore } from './postgres-store.ts'

const KEY = randomBytes(32)
const A = 'aaaaaaaaaaaaaaaa' as EndpointId
const SERVER = process.env['BERTH_TEST_POSTGRES_URL']

if (SERVER) describeOnServer(SERVER)
else
  test.skip(
    'PostgreSQL as a store (run it with: .ci/with-postgres.sh npx vitest run packages/server/src/store)',
  )

test('a server that is not there is named without its password', async () => {
  const listener = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => listener.once('listening', resolve))
  const address = listener.address()
  const port = typeof address === 'object' ? address?.port : undefined
  await new Promise((resolve) => listener.close(resolve))
  const url = `postgres://berth:s3cret@127.0.0.1:${port}/berth`
  const error: unknown = await openPostgresStore({ url, key: KEY }).catch((caught: unknown) => caught)
  expect(error).toMatchObject({
    code: 'unavailable',
    reason: 'database',
    message: expect.stringMatching(new RegExp(`127\\.0\\.0\\.1:${port}/berth .*ECONNREFUSED`)),
  })
  expect(String(error)).not.toContain('s3cret')
})

test('what is no PostgreSQL address is refused without being repeated', async () => {
  for (const url of ['mysql://berth:s3cret@127.0.0.1/berth', 's3cret']) {
    const error: unknown = await openPostgresStore({ url, key: KEY }).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'invalid', reason: 'database_url' })
    expect(String(error)).not.toContain('s3cret')
  }
})

function describeOnServer(server: string): void {
  describeStore('PostgreSQL', async () => {
    const { url, remove } = await freshSchema(server)
    return { open: () => openPostgresStore({ url, key: KEY }), remove }
  })

  const temporaryUrl = async () => {
    const { url, remove } = await freshSchema(server)
    onTestFinished(remove)
    return url
  }
  const execute = async (statement: string, url: string) => {
    const client = new Client({ connectionString: url })
    await client.connect()
    try {
      return (await client.query(statement)).rows
    } finally {
      await client.end()
    }
  }

  describe('PostgreSQL', () => {
    test('two control processes that start at once make the tables once', async () => {
      const url = await temporaryUrl()
      const stores = await Promise.all(Array.from({ length: 4 }, () => openPostgresStore({ url, key: KEY })))
      onTestFinished(async () => {
        for (const store of stores) await store.close()
      })
      await stores[0]?.endpoints.create(anEndpoint(A))
      for (const store of stores) expect(await store.endpoints.get(A)).toEqual(anEndpoint(A))
      expect(await execute('select version from schema_version', url)).toHaveLength(1)
    })

    test('one of two processes that save the same version wins', async () => {
      const url = await temporaryUrl()
      const [one, two] = [
        await openPostgresStore({ url, key: KEY }),
        await openPostgresStore({ url, key: KEY }),
      ]
      onTestFinished(async () => {
        await one.close()
        await two.close()
      })
      await one.endpoints.create(anEndpoint(A))
      for (let version = 1; version <= 10; version++) {
        const outcomes = await Promise.allSettled([
          one.endpoints.save(anEndpoint(A), version),
          two.endpoints.save(anEndpoint(A), version),
        ])
        expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
      }
    })

    test('a report waits for a delete under way and then drops itself', async () => {
      const url = await temporaryUrl()
      const store = await openPostgresStore({ url, key: KEY })
      onTestFinished(() => store.close())
      await store.endpoints.create(anEndpoint(A))
      const deleted = Promise.withResolvers<void>()
      const mayCommit = Promise.withResolvers<void>()
      const deleting = store.transaction(async (inside) => {
        await inside.endpoints.delete(A)
        deleted.resolve()
        await mayCommit.promise
      })
      await deleted.promise
      const late = store.scaleTargets.set({ endpointId: A, count: 1, reason: 'late', at: 1 })
      const waiting = `select 1 from pg_stat_activity where application_name = 'berth' and wait_event_type = 'Lock'`
      await expect.poll(() => execute(waiting, url)).toHaveLength(1)
      mayCommit.resolve()
      await deleting
      await late
      expect(await store.scaleTargets.get(A)).toBeUndefined()
    })

    test('a database of a newer Berth is refused, and so is another key', async () => {
      const url = await temporaryUrl()
      await (await openPostgresStore({ url, key: KEY })).close()
      await expect(openPostgresStore({ url, key: randomBytes(32) })).rejects.toMatchObject({
        code: 'invalid',
        reason: 'wrong_key',
      })
      await execute('update schema_version set version = 99', url)
      await expect(openPostgresStore({ url, key: KEY })).rejects.toMatchObject({
        code: 'invalid',
        reason: 'newer_schema',
        message: expect.stringContaining('99'),
      })
    })

    test('connections that the server cuts are replaced, and what they were doing is told from a bug', async () => {
      const url = await temporaryUrl()
      const store = await openPostgresStore({ url, key: KEY })
      onTestFinished(() => store.close())
      const cut = `select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'berth' and query not like '%pg_terminate_backend%'`
      await store.endpoints.create(anEndpoint(A))
      const broken = store.transaction(async (inside) => {
        await inside.events.append(anEvent({}))
        await execute(cut, url)
        await inside.events.append(anEvent({}))
      })
      await expect(broken).rejects.toMatchObject({ code: 'unavailable', reason: 'database' })
      expect(await store.events.list({ limit: 10 })).toEqual([])
      await execute(cut, url)
      await expect.poll(() => store.endpoints.get(A).catch(() => undefined)).toEqual(anEndpoint(A))
    })
  })
}

/** An address whose tables lie in a schema of their own, so that tests do not meet. */
async function freshSchema(server: string): Promise<{ url: string; remove(): Promise<void> }> {
  const schema = `test_${randomBytes(8).toString('hex')}`
  const administer = async (statement: string) => {
    const client = new Client({ connectionString: server })
    await client.connect()
    try {
      await client.query(statement)
    } finally {
      await client.end()
    }
  }
  await administer(`create schema ${schema}`)
  const url = new URL(server)
  url.searchParams.set('options', `-c search_path=${schema}`)
  return { url: url.href, remove: () => administer(`drop schema ${schema} cascade`) }
}
