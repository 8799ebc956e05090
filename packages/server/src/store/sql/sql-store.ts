/**
 * The store on a Kysely database, whichever it is: puts the repositories together and runs transactions.
 *
 * What differs between the databases is in `sqlite-store.ts` and `postgres-store.ts`.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Kysely, KyselyPlugin } from 'kysely'
import { PlatformError } from '../../domain/errors.ts'
import { SecretBox } from '../secret-box.ts'
import type { Store } from '../store.ts'
import { scaleDecisionRepository } from './decision-repository.ts'
import {
  endpointRepository,
  revisionRepository,
  scaleTargetRepository,
  secretRepository,
  statusRepository,
} from './endpoint-repositories.ts'
import { eventRepository, namespaceRepository, tokenRepository } from './installation-repositories.ts'
import { migrate } from './migrations.ts'
import type { Dialect, Tables } from './tables.ts'
import { usageRepository } from './usage-repository.ts'

export type Database = {
  readonly kysely: Kysely<Tables>
  readonly dialect: Dialect
  /** For messages: a path or an address, without a password. */
  readonly place: string
  readonly key: Buffer
  /** After everything that is running now. */
  disconnect(): Promise<void>
}

/** Brings the tables up to date, holds the key against what was stored, and opens. Disconnects if any of it fails. */
export async function openStore(database: Database): Promise<Store> {
  const box = new SecretBox(database.key)
  try {
    await migrate(database.kysely, database.dialect, database.place)
    await checkKey(database, box)
  } catch (error) {
    await database.disconnect()
    throw error
  }

  const transactions = new AsyncLocalStorage<{ running: boolean }>()
  let closed: Promise<void> | undefined
  const insideTransaction = () => transactions.getStore()?.running === true
  const refuseClosed = () => {
    if (closed) throw new PlatformError('unavailable', 'The store is closed: Berth is stopping.')
  }
  const guard = beforeEachQuery(() => {
    // To wait for the store outside its transaction is, on SQLite, to wait for itself for ever, and on PostgreSQL to
    // write outside the transaction unnoticed. Both get an error at once instead.
    if (insideTransaction()) {
      throw new Error('Inside a transaction, use the store that its body is given, not the one outside.')
    }
    refuseClosed()
  })

  return {
    kind: database.dialect,
    ...repositories(database.kysely.withPlugin(guard), database.dialect, box),
    async transaction(body) {
      if (insideTransaction()) throw new Error(NESTED)
      refuseClosed()
      return database.kysely.transaction().execute(async (transaction) => {
        const state = { running: true }
        try {
          return await transactions.run(state, () => body(storeInside(transaction, database.dialect, box)))
        } finally {
          state.running = false
        }
      })
    },
    async close() {
      if (insideTransaction()) throw new Error(CLOSED_INSIDE)
      closed ??= database.disconnect()
      return closed
    },
  }
}

const NESTED = 'A transaction does not nest in another.'
const CLOSED_INSIDE = 'A transaction cannot close its store.'

function storeInside(transaction: Kysely<Tables>, dialect: Dialect, box: SecretBox): Store {
  return {
    kind: dialect,
    ...repositories(transaction, dialect, box),
    transaction: async () => {
      throw new Error(NESTED)
    },
    close: async () => {
      throw new Error(CLOSED_INSIDE)
    },
  }
}

function repositories(db: Kysely<Tables>, dialect: Dialect, box: SecretBox) {
  return {
    namespaces: namespaceRepository(db),
    endpoints: endpointRepository(db),
    revisions: revisionRepository(db, dialect),
    scaleTargets: scaleTargetRepository(db, dialect),
    statuses: statusRepository(db, dialect),
    scaleDecisions: scaleDecisionRepository(db, dialect),
    tokens: tokenRepository(db),
    secrets: secretRepository(db, dialect, box),
    events: eventRepository(db),
    usage: usageRepository(db),
  } satisfies Partial<Store>
}

function beforeEachQuery(look: () => void): KyselyPlugin {
  return {
    transformQuery({ node }) {
      look()
      return node
    },
    transformResult: async ({ result }) => result,
  }
}

const CHECK = ['key', 'check']

/** The first key that opens a database is its key. Another is found here, before anything half works with it. */
async function checkKey({ kysely, place }: Database, box: SecretBox): Promise<void> {
  await kysely
    .insertInto('key_check')
    .values({ id: 1, sealed: box.seal('berth', CHECK) })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const { sealed } = await kysely.selectFrom('key_check').select('sealed').executeTakeFirstOrThrow()
  try {
    box.open(sealed, CHECK)
  } catch (cause) {
    throw new PlatformError(
      'invalid',
      `The secrets in the database ${place} were encrypted with another key. Start Berth with that key: ` +
        'its key file belongs to the database and is restored together with it.',
      { reason: 'wrong_key', cause },
    )
  }
}
