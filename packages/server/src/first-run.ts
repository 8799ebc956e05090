/**
 * What the first run makes: the namespace `admin`, a token for it, and the sample endpoint.
 *
 * Each step looks whether it is done already, so a first run that was cut off is finished by the next one.
 */
import { randomUUID } from 'node:crypto'
import { open, readFile, rename } from 'node:fs/promises'
import type { Endpoint } from '@berth/contract'
import type { InstanceType } from './domain/instance-type.ts'
import { hashOf, recordOf } from './governance/access.ts'
import type { Clock } from './platform/clock.ts'
import type { Home } from './platform/home.ts'
import { newTokenText } from './platform/ids.ts'
import type { Store } from './store/store.ts'

export const FIRST_USER = 'admin'
export const SAMPLE_ENDPOINT = 'guide'

/** @returns the new token's text, or undefined if there was one already. */
export async function ensureFirstUser(store: Store, home: Home, clock: Clock): Promise<string | undefined> {
  if (await store.namespaces.get(FIRST_USER)) return undefined
  // The file comes first: a token that the store knows and nobody can read would lock its owner out.
  const text = await tokenInFile(home.tokenFile)
  const now = clock.now()
  await store.transaction(async (all) => {
    await all.namespaces.create({ name: FIRST_USER, kind: 'user', createdAt: now })
    if (await all.tokens.findByHash(hashOf(text))) return
    await all.tokens.create(
      recordOf(text, { name: 'first', role: 'write', user: FIRST_USER, expiresAt: null }, now),
    )
  })
  return text
}

async function tokenInFile(file: string): Promise<string> {
  const existing = await readFile(file, 'utf8').catch(() => '')
  if (existing.startsWith('berth_')) return existing.trim()
  const text = newTokenText()
  const draft = `${file}.${randomUUID()}`
  const handle = await open(draft, 'wx', 0o600)
  await handle.writeFile(`${text}\n`)
  await handle.sync()
  await handle.close()
  await rename(draft, file)
  return text
}

/** The sample endpoint, asked for once in the life of an installation: whoever deletes it is not given it again. */
export async function sampleEndpoint(
  store: Store,
  offers: readonly InstanceType[],
): Promise<Endpoint | undefined> {
  const known = await store.events.list({ endpoint: `${FIRST_USER}/${SAMPLE_ENDPOINT}`, limit: 1 })
  const smallest = offers.find((offer) => offer.accelerator === 'cpu')
  if (known.length > 0 || !smallest) return undefined
  const { vendor, region, instanceType, instanceSize } = smallest
  return {
    name: SAMPLE_ENDPOINT,
    type: 'private',
    provider: { vendor, region },
    compute: {
      accelerator: 'cpu',
      instanceType,
      instanceSize,
      scaling: { minReplica: 0, maxReplica: 1, scaleToZeroTimeout: 15 },
    },
    model: {
      repository: 'berth/guide',
      framework: 'llamacpp',
      task: 'text-generation',
      image: { huggingface: {} },
    },
    tags: ['sample'],
  }
}
