/**
 * What every store must do, as tests.
 *
 * Each store's own test file calls this with a way to open an empty database. The suite makes one per test and closes
 * whatever it opened.
 */
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { EndpointRecord, Revision, ScaleTarget } from '../domain/endpoint.ts'
import type { StatusRecord } from '../domain/endpoint-status.ts'
import type { EndpointId } from '../domain/replica.ts'
import { DECISIONS_KEPT, type NewDecision } from '../domain/scale/decision-record.ts'
import { firstScaleState } from '../domain/scale/step.ts'
import type { UsageTotal } from '../domain/usage/usage-totals.ts'
import type { EventRecord, Store, TokenRecord } from './store.ts'

export type StoreUnderTest = {
  /** A store on this database, as after a restart of the server. */
  open(): Promise<Store>
  /** Removes the database. Every store on it is closed by then. */
  remove(): Promise<void>
}

const ACTOR = { id: 'u1', name: 'admin' }
const A = 'aaaaaaaaaaaaaaaa' as EndpointId
const B = 'bbbbbbbbbbbbbbbb' as EndpointId

export function describeStore(name: string, setUp: () => Promise<StoreUnderTest>): void {
  describe(`${name} as a store`, () => {
    const promise = (title: string, body: (store: Store, reopen: () => Promise<Store>) => Promise<void>) =>
      test(title, async () => {
        const database = await setUp()
        const stores: Store[] = []
        onTestFinished(async () => {
          for (const store of stores) await store.close()
          await database.remove()
        })
        const open = async () => {
          const store = await database.open()
          stores.push(store)
          return store
        }
        const first = await open()
        await body(first, async () => {
          for (const store of stores) await store.close()
          return open()
        })
      })

    describe('namespaces', () => {
      promise('are found by name and listed by name', async ({ namespaces }) => {
        const team = { name: 'team', kind: 'organization', createdAt: 1_800_000_000_000 } as const
        const Zoe = { name: 'Zoe', kind: 'user', createdAt: 2 } as const
        await namespaces.create(team)
        await namespaces.create(Zoe)
        expect(await namespaces.get('team')).toEqual(team)
        expect(await namespaces.get('nobody')).toBeUndefined()
        expect(await namespaces.list()).toEqual([Zoe, team])
      })

      promise('have unique names', async ({ namespaces }) => {
        await namespaces.create({ name: 'team', kind: 'organization', createdAt: 1 })
        const again = namespaces.create({ name: 'team', kind: 'user', createdAt: 2 })
        await expect(again).rejects.toMatchObject({
          code: 'conflict',
          message: expect.stringContaining('team'),
        })
        expect(await namespaces.get('team')).toMatchObject({ kind: 'organization' })
      })
    })

    describe('endpoints', () => {
      promise('come back as they were written', async ({ endpoints }) => {
        const endpoint = anEndpoint(A)
        await endpoints.create(endpoint)
        expect(await endpoints.get(A)).toEqual(endpoint)
        expect(await endpoints.find('team', endpoint.spec.name)).toEqual(endpoint)
        expect(await endpoints.get(B)).toBeUndefined()
        expect(await endpoints.find('other', endpoint.spec.name)).toBeUndefined()
      })

      promise('have names that are unique within their namespace only', async ({ endpoints }) => {
        await endpoints.create(anEndpoint(A, { name: 'guide' }))
        const twin = endpoints.create(anEndpoint(B, { name: 'guide' }))
        await expect(twin).rejects.toMatchObject({
          code: 'conflict',
          message: expect.stringContaining('team/guide'),
        })
        await endpoints.create({ ...anEndpoint(B, { name: 'guide' }), namespace: 'other' })
        expect(await endpoints.list('team')).toMatchObject([{ id: A }])
      })

      promise('are listed with the latest change first', async ({ endpoints }) => {
        await endpoints.create({ ...anEndpoint(A, { name: 'one' }), updatedAt: 10 })
        await endpoints.create({ ...anEndpoint(B, { name: 'two' }), updatedAt: 20 })
        expect((await endpoints.list()).map(({ id }) => id)).toEqual([B, A])
        await endpoints.save({ ...anEndpoint(A, { name: 'one' }), updatedAt: 30 }, 1)
        expect((await endpoints.list('team')).map(({ id }) => id)).toEqual([A, B])
        expect(await endpoints.list('other')).toEqual([])
      })

      promise('are saved at the version that was read, which then grows by one', async ({ endpoints }) => {
        const endpoint = anEndpoint(A)
        await endpoints.create(endpoint)
        const saved = await endpoints.save({ ...endpoint, paused: true, generation: 2 }, 1)
        expect(saved).toEqual({ ...endpoint, paused: true, generation: 2, version: 2 })
        expect(await endpoints.get(A)).toEqual(saved)
        await expect(endpoints.save({ ...endpoint, paused: false }, 1)).rejects.toMatchObject({
          code: 'conflict',
          reason: 'stale_version',
          message: expect.stringMatching(/team\/.* version 2, not 1/),
        })
        expect(await endpoints.get(A)).toEqual(saved)
      })

      promise('are not saved once they are gone', async ({ endpoints }) => {
        const endpoint = anEndpoint(A)
        await expect(endpoints.save(endpoint, 1)).rejects.toMatchObject({
          code: 'conflict',
          reason: 'endpoint_deleted',
        })
        expect(await endpoints.list()).toEqual([])
      })

      promise('keep their name', async ({ endpoints }) => {
        await endpoints.create(anEndpoint(A, { name: 'before' }))
        const renamed = endpoints.save(anEndpoint(A, { name: 'after' }), 1)
        await expect(renamed).rejects.toMatchObject({ code: 'invalid', reason: 'renamed' })
        expect(await endpoints.find('team', 'before')).toMatchObject({ version: 1 })
      })

      promise('are saved by exactly one of many who read the same version', async ({ endpoints }) => {
        await endpoints.create(anEndpoint(A))
        let version = 1
        await fc.assert(
          fc.asyncProperty(fc.integer({ min: 2, max: 12 }), async (savers) => {
            const outcomes = await Promise.allSettled(
              Array.from({ length: savers }, (_, saver) =>
                endpoints.save({ ...anEndpoint(A), generation: saver }, version),
              ),
            )
            const winners = outcomes.flatMap((outcome, saver) =>
              outcome.status === 'fulfilled' ? [saver] : [],
            )
            const losers = outcomes.flatMap((outcome) =>
              outcome.status === 'rejected' ? [outcome.reason] : [],
            )
            expect(winners).toHaveLength(1)
            expect(losers.map(({ reason }) => reason)).toEqual(Array(savers - 1).fill('stale_version'))
            version += 1
            expect(await endpoints.get(A)).toMatchObject({ version, generation: winners[0] })
          }),
          { numRuns: 20 },
        )
      })

      promise('take everything but their events along when they are deleted', async (store) => {
        for (const [id, endpointName] of [
          [A, 'gone'],
          [B, 'stays'],
        ] as const) {
          await store.endpoints.create(anEndpoint(id, { name: endpointName }))
          await store.revisions.append(aRevision(id, 1))
          await store.scaleTargets.set(aTarget(id))
          await store.statuses.set(aStatus(id))
          await store.scaleDecisions.append(aDecision(id))
          await store.secrets.set(id, 'HF_TOKEN', 'hf_abc')
        }
        await store.events.append(anEvent({ endpoint: 'team/gone' }))
        await store.endpoints.delete(A)
        await store.endpoints.delete(A)

        expect(await store.endpoints.list()).toMatchObject([{ id: B }])
        expect(await leftOf(store, A)).toEqual({
          revisions: 0,
          target: undefined,
          status: undefined,
          decisions: 0,
          secrets: {},
        })
        expect(await leftOf(store, B)).toEqual({
          revisions: 1,
          target: aTarget(B),
          status: aStatus(B),
          decisions: 1,
          secrets: { HF_TOKEN: 'hf_abc' },
        })
        expect(await store.events.list({ limit: 10 })).toHaveLength(1)
        await store.endpoints.create(anEndpoint(A, { name: 'gone' }))
        expect(await leftOf(store, A)).toMatchObject({ revisions: 0, target: undefined })
      })
    })

    describe('revisions', () => {
      promise('are listed newest first, so many as asked for', async ({ endpoints, revisions }) => {
        await endpoints.create(anEndpoint(A))
        for (const number of [1, 2, 10]) await revisions.append(aRevision(A, number))
        expect(await revisions.list(A, 2)).toEqual([aRevision(A, 10), aRevision(A, 2)])
        expect(await revisions.get(A, 1)).toEqual(aRevision(A, 1))
        expect(await revisions.get(A, 3)).toBeUndefined()
        expect(await revisions.list(B, 10)).toEqual([])
      })

      promise('are never altered', async ({ endpoints, revisions }) => {
        await endpoints.create(anEndpoint(A))
        await revisions.append(aRevision(A, 1))
        const altered = revisions.append({ ...aRevision(A, 1), engine: 'other' })
        await expect(altered).rejects.toMatchObject({ code: 'conflict', reason: 'revision_exists' })
        expect(await revisions.get(A, 1)).toEqual(aRevision(A, 1))
      })

      promise('say which content their containers run once it is noted', async ({ endpoints, revisions }) => {
        await endpoints.create(anEndpoint(A))
        for (const number of [1, 2]) await revisions.append(aRevision(A, number))
        await revisions.noteImage(A, 1, 'acme/engine@sha256:01')
        await revisions.noteImage(A, 1, 'acme/engine@sha256:02')
        await revisions.noteImage(A, 3, 'acme/engine@sha256:03')
        await revisions.noteImage(B, 1, 'acme/engine@sha256:04')
        const noted = { ...aRevision(A, 1), imageDigest: 'acme/engine@sha256:01' }
        expect(await revisions.get(A, 1)).toEqual(noted)
        expect(await revisions.list(A, 10)).toEqual([aRevision(A, 2), noted])
      })

      promise('need an endpoint', async ({ revisions }) => {
        const orphan = revisions.append(aRevision(A, 1))
        await expect(orphan).rejects.toMatchObject({ code: 'conflict', reason: 'endpoint_deleted' })
      })
    })

    describe('scale decisions', () => {
      promise('come back as they were written, newest first', async ({ endpoints, scaleDecisions }) => {
        await endpoints.create(anEndpoint(A))
        for (const at of [10, 20, 30]) await scaleDecisions.append(aDecision(A, { at }))
        await scaleDecisions.append(aDecision(A, { at: 30, until: 40, kind: 'summary', judged: null }))
        const all = await scaleDecisions.list(A, { limit: 10 })
        expect(all.map(({ sequence: _, ...decision }) => decision)).toEqual([
          aDecision(A, { at: 30, until: 40, kind: 'summary', judged: null }),
          ...[30, 20, 10].map((at) => aDecision(A, { at })),
        ])
        expect(all.map(({ sequence }) => sequence)).toEqual(
          [0, 1, 2, 3].map((back) => (all[0]?.sequence ?? Number.NaN) - back),
        )
        expect(await scaleDecisions.list(B, { limit: 10 })).toEqual([])
      })

      promise('are found by when they were known', async ({ endpoints, scaleDecisions }) => {
        await endpoints.create(anEndpoint(A))
        for (const at of [10, 20]) await scaleDecisions.append(aDecision(A, { at }))
        await scaleDecisions.append(aDecision(A, { at: 20, until: 40, kind: 'summary' }))
        const times = async (filter: { knownAt?: number; since?: number }) =>
          (await scaleDecisions.list(A, { limit: 10, ...filter })).map(({ at, until }) => until ?? at)
        expect(await times({ knownAt: 39 })).toEqual([20, 10])
        expect(await times({ knownAt: 40, since: 11 })).toEqual([40, 20])
        expect(await times({ knownAt: 9 })).toEqual([])
      })

      promise('are kept up to their limit, each endpoint its own', async (store) => {
        await store.endpoints.create(anEndpoint(A))
        await store.endpoints.create(anEndpoint(B, { name: 'other' }))
        await store.scaleDecisions.append(aDecision(B, { at: 1 }))
        await store.transaction(async ({ scaleDecisions }) => {
          for (let at = 1; at <= DECISIONS_KEPT + 2; at++) {
            await scaleDecisions.append(aDecision(A, { at, judged: null }))
          }
        })
        const kept = await store.scaleDecisions.list(A, { limit: 2 * DECISIONS_KEPT })
        expect(kept).toHaveLength(DECISIONS_KEPT)
        expect(kept.at(-1)).toMatchObject({ at: 3 })
        expect(await store.scaleDecisions.list(B, { limit: 10 })).toHaveLength(1)
      })
    })

    describe('reports', () => {
      promise('replace the one before', async ({ endpoints, scaleTargets, statuses }) => {
        await endpoints.create(anEndpoint(A))
        expect(await scaleTargets.get(A)).toBeUndefined()
        expect(await statuses.get(A)).toBeUndefined()
        await scaleTargets.set({ ...aTarget(A), count: 1 })
        await scaleTargets.set({ ...aTarget(A), count: 2 })
        await statuses.set({ ...aStatus(A), state: 'pending' })
        await statuses.set({ ...aStatus(A), state: 'running' })
        expect(await scaleTargets.get(A)).toEqual({ ...aTarget(A), count: 2 })
        expect(await statuses.get(A)).toEqual({ ...aStatus(A), state: 'running' })
        expect(await statuses.list()).toEqual([{ ...aStatus(A), state: 'running' }])
      })

      promise('that come too late bring no endpoint back', async (store) => {
        await store.endpoints.create(anEndpoint(A))
        await store.endpoints.delete(A)
        await store.statuses.set(aStatus(A))
        await store.scaleTargets.set(aTarget(A))
        await store.scaleDecisions.append(aDecision(A))
        expect(await store.scaleDecisions.list(A, { limit: 1 })).toEqual([])
        expect(await store.statuses.list()).toEqual([])
        expect(await store.scaleTargets.get(A)).toBeUndefined()
        expect(await store.endpoints.list()).toEqual([])
      })

      promise('and deletes in any order at the same moment never fail', async (store) => {
        for (let round = 0; round < 10; round++) {
          await store.endpoints.create(anEndpoint(A))
          await Promise.all([
            store.statuses.set(aStatus(A)),
            store.endpoints.delete(A),
            store.statuses.set(aStatus(A)),
            store.scaleTargets.set(aTarget(A)),
          ])
          expect(await store.statuses.list()).toEqual([])
        }
      })
    })

    describe('tokens', () => {
      promise('are found by hash, whole', async ({ tokens }) => {
        const token = aToken({ expiresAt: 1_900_000_000_000 })
        await tokens.create(token)
        await tokens.create(aToken({ id: 't2', hash: 'h2' }))
        expect(await tokens.findByHash(token.hash)).toEqual(token)
        expect(await tokens.findByHash('unknown')).toBeUndefined()
      })

      promise('are listed newest first, of one user or of all', async ({ tokens }) => {
        await tokens.create(aToken({ id: 't1', hash: 'h1', createdAt: 1 }))
        await tokens.create(aToken({ id: 't2', hash: 'h2', createdAt: 2, user: 'zoe' }))
        await tokens.create(aToken({ id: 't3', hash: 'h3', createdAt: 3 }))
        expect((await tokens.list()).map(({ id }) => id)).toEqual(['t3', 't2', 't1'])
        expect((await tokens.list('admin')).map(({ id }) => id)).toEqual(['t3', 't1'])
      })

      promise('are revoked once', async ({ tokens }) => {
        await tokens.create(aToken({}))
        expect(await tokens.revoke('t1')).toBe(true)
        expect(await tokens.revoke('t1')).toBe(false)
        expect(await tokens.findByHash('h1')).toBeUndefined()
      })

      promise('know when they were last used, whoever tells it late', async ({ tokens }) => {
        await tokens.create(aToken({}))
        await tokens.create(aToken({ id: 't2', hash: 'h2' }))
        const lastUsed = async () =>
          Object.fromEntries((await tokens.list()).map(({ id, lastUsedAt }) => [id, lastUsedAt]))
        expect(await lastUsed()).toEqual({ t1: null, t2: null })
        await tokens.used([
          { id: 't1', at: 2_000 },
          { id: 'revoked', at: 2_000 },
        ])
        await tokens.used([{ id: 't1', at: 1_000 }])
        expect(await lastUsed()).toEqual({ t1: 2_000, t2: null })
        await tokens.used([{ id: 't1', at: 3_000 }])
        expect(await lastUsed()).toEqual({ t1: 3_000, t2: null })
      })

      promise('are unique', async ({ tokens }) => {
        await tokens.create(aToken({}))
        await expect(tokens.create(aToken({ id: 't2' }))).rejects.toMatchObject({ code: 'conflict' })
        await expect(tokens.create(aToken({ hash: 'h2' }))).rejects.toMatchObject({ code: 'conflict' })
        expect(await tokens.list()).toHaveLength(1)
      })
    })

    describe('secrets', () => {
      promise('are revealed in clear and replaced by name', async ({ endpoints, secrets }) => {
        await endpoints.create(anEndpoint(A))
        await secrets.set(A, 'b', 'old')
        await secrets.set(A, 'b', 'new')
        await secrets.set(A, 'B', 'größer\u0000')
        await secrets.set(A, 'a', '')
        expect(await secrets.names(A)).toEqual(['B', 'a', 'b'])
        expect(await secrets.reveal(A)).toEqual({ a: '', b: 'new', B: 'größer\u0000' })
        await secrets.remove(A, 'a')
        await secrets.remove(A, 'a')
        expect(await secrets.names(A)).toEqual(['B', 'b'])
        expect(await secrets.reveal(B)).toEqual({})
      })

      promise('need an endpoint', async ({ secrets }) => {
        const orphan = secrets.set(A, 'HF_TOKEN', 'hf_abc')
        await expect(orphan).rejects.toMatchObject({ code: 'conflict', reason: 'endpoint_deleted' })
        expect(await secrets.names(A)).toEqual([])
      })
    })

    describe('events', () => {
      promise('are listed newest first with growing sequences', async ({ events }) => {
        for (let at = 1; at <= 12; at++) {
          await events.append(anEvent({ at, endpoint: at % 2 ? 'team/odd' : 'team/even' }))
        }
        await events.append(anEvent({ at: 13, endpoint: null }))
        const latest = await events.list({ limit: 3 })
        expect(latest.map(({ at }) => at)).toEqual([13, 12, 11])
        expect(latest.map(({ sequence }) => sequence)).toEqual(
          [0, 1, 2].map((back) => (latest[0]?.sequence ?? Number.NaN) - back),
        )
        const { sequence: _, ...newest } = latest[0] as EventRecord
        expect(newest).toEqual(anEvent({ at: 13, endpoint: null }))
        const odd = await events.list({ endpoint: 'team/odd', limit: 100 })
        expect(odd.map(({ at }) => at)).toEqual([11, 9, 7, 5, 3, 1])
      })
    })

    describe('events, bounded', () => {
      const kindsLeft = async ({ events }: Store) =>
        (await events.list({ limit: 100 }))
          .map(({ kind, endpoint, at }) => `${endpoint} ${kind} ${at}`)
          .toReversed()

      promise('keep the newest of each endpoint, of the kinds that are meant', async (store) => {
        for (let at = 1; at <= 4; at++) {
          for (const endpoint of ['team/a', 'team/b', null]) {
            await store.events.append(anEvent({ at, endpoint, kind: 'replica.failed' }))
          }
          await store.events.append(anEvent({ at, endpoint: 'team/a', kind: 'endpoint.updated' }))
        }
        await store.events.prune({ except: ['endpoint'], before: 0, perEndpoint: 2 })
        const kept = [3, 4].flatMap((at) => [
          ...['team/a', 'team/b', null].map((endpoint) => `${endpoint} replica.failed ${at}`),
          `team/a endpoint.updated ${at}`,
        ])
        expect(await kindsLeft(store)).toEqual([
          'team/a endpoint.updated 1',
          'team/a endpoint.updated 2',
          ...kept,
        ])
        await store.events.prune({ only: ['endpoint'], before: 0, perEndpoint: 2 })
        expect(await kindsLeft(store)).toEqual(kept)
      })

      promise('go when they are old, but for the last word about an endpoint', async (store) => {
        const told = [
          ['team/a', 'replica.ready', 1],
          ['team/a', 'replica.failed', 2],
          ['team/b', 'replica.ready', 1],
          ['team/b', 'endpoint.deleted', 1],
          ['team/c', 'replica.ready', 3],
          [null, 'token.created', 1],
        ] as const
        for (const [endpoint, kind, at] of told) await store.events.append(anEvent({ endpoint, kind, at }))
        await store.events.prune({ before: 3, perEndpoint: 100 })
        expect(await kindsLeft(store)).toEqual([
          'team/a replica.failed 2',
          'team/b endpoint.deleted 1',
          'team/c replica.ready 3',
          'null token.created 1',
        ])
      })

      promise('go on counting where they were', async ({ events }) => {
        for (let at = 1; at <= 3; at++) await events.append(anEvent({ at }))
        const [newest] = await events.list({ limit: 1 })
        await events.prune({ before: 10, perEndpoint: 1 })
        await events.append(anEvent({ at: 11 }))
        expect(await events.list({ after: newest?.sequence ?? 0, limit: 10 })).toMatchObject([
          { at: 11, sequence: (newest?.sequence ?? 0) + 1 },
        ])
      })
    })

    promise('any text survives, whatever an engine printed', async (store) => {
      await store.endpoints.create(anEndpoint(A))
      await fc.assert(
        fc.asyncProperty(fc.string({ unit: 'binary' }), async (text) => {
          await store.statuses.set({ ...aStatus(A), errorMessage: text })
          expect(await store.statuses.get(A)).toMatchObject({ errorMessage: text })
          await store.events.append(anEvent({ message: text, details: { text } }))
          expect(await store.events.list({ limit: 1 })).toMatchObject([{ message: text, details: { text } }])
        }),
        { numRuns: 50, examples: [['\u0000'], ['\ud800'], ["'; drop table events; --"]] },
      )
    })

    describe('events, asked for', () => {
      const kinds = ['replica.started', 'scale.changed', 'replica.ready', 'replicas', 'endpoint.updated']
      const told = async ({ events }: Store) => {
        for (const [i, kind] of kinds.entries()) {
          await events.append(anEvent({ kind, at: 1_800_000_000_000 + i * 1_000 }))
        }
        await events.append(anEvent({ kind: 'elsewhere', endpoint: 'team-b/guide' }))
        await events.append(anEvent({ kind: 'nowhere', endpoint: null }))
      }

      promise('by time, both ends included', async (store) => {
        await told(store)
        const found = await store.events.list({
          endpoint: 'team/guide',
          from: 1_800_000_001_000,
          to: 1_800_000_003_000,
          limit: 10,
        })
        expect(found.map(({ kind }) => kind)).toEqual(['replicas', 'replica.ready', 'scale.changed'])
      })

      promise('by kind and by the beginning of a kind up to a dot', async (store) => {
        await told(store)
        const found = await store.events.list({ kinds: ['replica', 'scale.changed'], limit: 10 })
        expect(found.map(({ kind }) => kind)).toEqual(['replica.ready', 'scale.changed', 'replica.started'])
      })

      promise('by namespace, without those of another that begins like it', async (store) => {
        await told(store)
        expect(await store.events.list({ namespace: 'team', limit: 10 })).toHaveLength(kinds.length)
        expect(await store.events.list({ namespace: 'tea', limit: 10 })).toEqual([])
      })

      promise('page by page in both directions', async (store) => {
        await told(store)
        const all = await store.events.list({ limit: 10 })
        const cut = all[3]!.sequence
        const older = await store.events.list({ before: cut, limit: 10 })
        expect(older).toEqual(all.slice(4))
        const newer = await store.events.list({ after: cut, limit: 2 })
        expect(newer).toEqual(all.slice(1, 3).toReversed())
      })
    })

    describe('usage', () => {
      const claim = (sequence: number, gatewayId = 'gw-1') => ({ gatewayId, sequence, at: 1_800_000_000_000 })
      const always = { from: 0, to: Number.MAX_SAFE_INTEGER }

      promise('takes each batch of a gateway once, whatever the order', async ({ usage }) => {
        expect(await usage.claimBatch(claim(1))).toBe(true)
        expect(await usage.claimBatch(claim(1))).toBe(false)
        expect(await usage.claimBatch(claim(3))).toBe(true)
        expect(await usage.claimBatch(claim(2))).toBe(false)
        expect(await usage.claimBatch(claim(1, 'gw-2'))).toBe(true)
      })

      promise('adds sums to sums, and keeps endpoints, tokens and periods apart', async (store, reopen) => {
        await store.usage.add([aUsageTotal({}), aUsageTotal({ tokenId: null })])
        await store.usage.add([
          aUsageTotal({ requests: 4 }),
          aUsageTotal({ endpointId: B, periodStart: 7_200_000 }),
        ])
        const { usage } = await reopen()
        expect(await usage.list(always)).toEqual([
          aUsageTotal({ tokenId: null }),
          aUsageTotal({ requests: 5, inputTokens: 20, outputTokens: 10, durationMs: 200 }),
          aUsageTotal({ endpointId: B, periodStart: 7_200_000 }),
        ])
        expect(await usage.list({ ...always, endpointId: B })).toHaveLength(1)
        expect(await usage.list({ from: 3_600_000, to: 7_200_000 })).toHaveLength(2)
      })

      promise('is neither claimed nor added when its transaction fails', async (store) => {
        const failed = store.transaction(async ({ usage }) => {
          await usage.claimBatch(claim(1))
          await usage.add([aUsageTotal({})])
          throw new Error('the disk is full')
        })
        await expect(failed).rejects.toThrow('the disk is full')
        expect(await store.usage.list(always)).toEqual([])
        expect(await store.usage.claimBatch(claim(1))).toBe(true)
      })

      promise('is forgotten when it is old', async ({ usage }) => {
        await usage.claimBatch(claim(5))
        await usage.add([aUsageTotal({}), aUsageTotal({ periodStart: 7_200_000 })])
        await usage.prune({ periodsBefore: 7_200_000, gatewaysBefore: 1_800_000_000_001 })
        expect((await usage.list(always)).map(({ periodStart }) => periodStart)).toEqual([7_200_000])
        expect(await usage.claimBatch(claim(1))).toBe(true)
      })
    })

    describe('a transaction', () => {
      promise('commits everything and returns what its body returned', async (store) => {
        const result = await store.transaction(async (inside) => {
          await inside.endpoints.create(anEndpoint(A))
          await inside.revisions.append(aRevision(A, 1))
          await inside.secrets.set(A, 'HF_TOKEN', 'hf_abc')
          await inside.events.append(anEvent({}))
          return (await inside.endpoints.get(A))?.spec.name
        })
        expect(result).toBe(anEndpoint(A).spec.name)
        expect(await leftOf(store, A)).toMatchObject({ revisions: 1, secrets: { HF_TOKEN: 'hf_abc' } })
        expect(await store.events.list({ limit: 10 })).toHaveLength(1)
      })

      promise('that throws leaves nothing behind', async (store) => {
        const failure = new Error('the caller changed its mind')
        const failed = store.transaction(async (inside) => {
          await inside.endpoints.create(anEndpoint(A))
          await inside.events.append(anEvent({}))
          throw failure
        })
        await expect(failed).rejects.toBe(failure)
        expect(await store.endpoints.list()).toEqual([])
        expect(await store.events.list({ limit: 10 })).toEqual([])
        await store.endpoints.create(anEndpoint(A))
      })

      promise('goes on after a conflict that its body caught', async (store) => {
        await store.endpoints.create(anEndpoint(A, { name: 'taken' }))
        await store.transaction(async (inside) => {
          await inside.endpoints.create(anEndpoint(B, { name: 'taken' })).catch(() => {})
          await inside.endpoints.save(anEndpoint(A, { name: 'taken' }), 7).catch(() => {})
          await inside.revisions.append(aRevision(B, 1)).catch(() => {})
          await inside.endpoints.create(anEndpoint(B, { name: 'free' }))
        })
        expect(await store.endpoints.get(B)).toMatchObject({ spec: { name: 'free' } })
      })

      promise('is not seen before it commits and loses nothing of others', async (store) => {
        await store.endpoints.create(anEndpoint(A))
        const entered = Promise.withResolvers<void>()
        const mayLeave = Promise.withResolvers<void>()
        const failed = store.transaction(async (inside) => {
          await inside.events.append(anEvent({ kind: 'inside' }))
          entered.resolve()
          await mayLeave.promise
          throw new Error('rolled back')
        })
        await entered.promise
        // On one connection these wait for the transaction, on several they do not; either way they are not part of it.
        const outside = store.events.append(anEvent({ kind: 'outside' }))
        const seen = store.events.list({ limit: 10 })
        mayLeave.resolve()
        await expect(failed).rejects.toThrow('rolled back')
        await outside
        expect((await seen).map(({ kind }) => kind)).not.toContain('inside')
        expect(await store.events.list({ limit: 10 })).toMatchObject([{ kind: 'outside' }])
      })

      promise('keeps what it read apart from the transactions beside it', async (store) => {
        await store.endpoints.create(anEndpoint(A))
        const increment = async (): Promise<void> => {
          const done = await store
            .transaction(async (inside) => {
              const read = await inside.endpoints.get(A)
              if (!read) throw new Error('gone')
              await inside.endpoints.save({ ...read, generation: read.generation + 1 }, read.version)
              await inside.events.append(anEvent({ kind: 'incremented' }))
              return true
            })
            .catch((error: unknown) => {
              expect(error).toMatchObject({ code: 'conflict' })
              return false
            })
          if (!done) await increment()
        }
        await Promise.all(Array.from({ length: 8 }, increment))
        expect(await store.endpoints.get(A)).toMatchObject({ generation: 9, version: 9 })
        expect(await store.events.list({ limit: 100 })).toHaveLength(8)
      })

      promise('refuses to nest, and to wait for the store outside it', async (store) => {
        await store.transaction(async (inside) => {
          await expect(inside.transaction(async () => {})).rejects.toThrow('does not nest')
          await expect(store.transaction(async () => {})).rejects.toThrow('does not nest')
          await expect(store.endpoints.list()).rejects.toThrow('use the store that its body is given')
          for (const one of [inside, store]) await expect(one.close()).rejects.toThrow('cannot close')
        })
        expect(await store.endpoints.list()).toEqual([])
      })

      promise('is over when it is over', async (store) => {
        let leaked: Store | undefined
        await store.transaction(async (inside) => {
          leaked = inside
        })
        await expect(leaked?.events.append(anEvent({}))).rejects.toThrow(/already committed/)
        expect(await store.events.list({ limit: 10 })).toEqual([])
      })
    })

    promise('everything survives closing and opening', async (store, reopen) => {
      const token = aToken({})
      await store.namespaces.create({ name: 'team', kind: 'organization', createdAt: 1 })
      await store.endpoints.create(anEndpoint(A))
      await store.revisions.append(aRevision(A, 1))
      await store.scaleTargets.set(aTarget(A))
      await store.statuses.set(aStatus(A))
      await store.secrets.set(A, 'HF_TOKEN', 'hf_abc')
      await store.tokens.create(token)
      await store.tokens.used([{ id: token.id, at: 1_800_000_000_500 }])
      await store.events.append(anEvent({}))

      const again = await reopen()
      expect(await again.namespaces.list()).toEqual([{ name: 'team', kind: 'organization', createdAt: 1 }])
      expect(await again.endpoints.list()).toEqual([anEndpoint(A)])
      expect(await again.revisions.list(A, 10)).toEqual([aRevision(A, 1)])
      expect(await leftOf(again, A)).toEqual({
        revisions: 1,
        target: aTarget(A),
        status: aStatus(A),
        decisions: 0,
        secrets: { HF_TOKEN: 'hf_abc' },
      })
      expect(await again.tokens.list()).toEqual([{ ...token, lastUsedAt: 1_800_000_000_500 }])
      expect(await again.events.list({ limit: 10 })).toMatchObject([anEvent({})])
    })

    promise('closes twice, and after what is running', async (store, reopen) => {
      const running = store.transaction(async (inside) => {
        await inside.endpoints.create(anEndpoint(A))
        await inside.events.append(anEvent({}))
      })
      const waiting = store.events.append(anEvent({}))
      await Promise.all([running, waiting, store.close(), store.close()])
      for (const late of [store.endpoints.list(), store.transaction(async () => {})]) {
        await expect(late).rejects.toMatchObject({ code: 'unavailable' })
      }
      expect(await (await reopen()).endpoints.list()).toHaveLength(1)
    })
  })
}

async function leftOf(store: Store, id: EndpointId) {
  return {
    revisions: (await store.revisions.list(id, 10)).length,
    target: await store.scaleTargets.get(id),
    status: await store.statuses.get(id),
    decisions: (await store.scaleDecisions.list(id, { limit: 10 })).length,
    secrets: await store.secrets.reveal(id),
  }
}

export function anEndpoint(id: EndpointId, { name = `guide-${id.slice(0, 4)}` } = {}): EndpointRecord {
  return {
    id,
    namespace: 'team',
    spec: {
      name,
      type: 'authenticated',
      provider: { vendor: 'local', region: 'here' },
      compute: {
        id: 'local-here-cpu-x1',
        accelerator: 'cpu',
        instanceType: 'cpu',
        instanceSize: 'x1',
        scaling: { minReplica: 0, maxReplica: 2, scaleToZeroTimeout: 15 },
      },
      model: {
        repository: 'berth/guide',
        revision: null,
        framework: 'custom',
        task: 'text-generation',
        image: { llamacpp: { ctxSize: 2_048 } },
        args: [],
        command: [],
        env: { GREETING: 'größe' },
        secretNames: ['HF_TOKEN'],
      },
      tags: ['a', 'b'],
    } as unknown as EndpointRecord['spec'],
    paused: false,
    generation: 1,
    version: 1,
    createdAt: 1_800_000_000_000,
    createdBy: ACTOR,
    updatedAt: 1_800_000_000_000,
    updatedBy: ACTOR,
  }
}

function aRevision(endpointId: EndpointId, number: number): Revision {
  return {
    endpointId,
    number,
    runs: number,
    spec: anEndpoint(endpointId).spec,
    engine: 'llamacpp',
    image: { huggingface: {} },
    artifact: {
      source: 'builtin',
      repository: 'berth/guide',
      revision: null,
      files: [{ path: 'guide.gguf', sizeBytes: 6_000_000_000, sha256: 'ab' }],
    },
    createdAt: 1_800_000_000_000 + number,
    createdBy: ACTOR,
  }
}

const aTarget = (endpointId: EndpointId): ScaleTarget => ({
  endpointId,
  count: 1,
  reason: 'a request arrived',
  at: 1_800_000_000_000,
})

const aDecision = (endpointId: EndpointId, changes: Partial<NewDecision> = {}): NewDecision => ({
  endpointId,
  kind: 'change',
  at: 1_800_000_000_000,
  until: null,
  from: 1,
  to: 3,
  term: 'pendingHigh',
  sentence: '3 replicas: 4 requests are pending per replica, above 1.5.',
  inputs: { perReplica: 4, threshold: 1.5 },
  alternative: { desired: 4, term: 'pendingHigh' },
  holdsUntil: 1_800_000_120_000,
  infeasible: false,
  terms: null,
  judged: {
    before: firstScaleState(1, 1_799_999_998_000),
    sample: {
      arrivals: 4,
      pending: 4,
      waiting: 0,
      inFlight: 4,
      hardwareUsage: null,
      ready: 1,
      starting: 0,
      tokens: null,
    },
    spec: {
      min: 0,
      max: 4,
      measure: { kind: 'pendingRequests', perReplica: 1.5, oneAtATime: false },
      idleTimeoutMs: null,
      warmHours: [],
      cost: null,
    },
    now: 1_800_000_000_000,
  },
  ...changes,
})

const aStatus = (endpointId: EndpointId): StatusRecord => ({
  endpointId,
  state: 'running',
  message: 'Ready.',
  errorMessage: null,
  readyReplica: 1,
  targetReplica: 1,
  observedGeneration: 1,
  progress: { phase: 'downloading', bytesDone: 6_000_000_000 },
  lastUsedAt: null,
  failures: [{ revision: 1, count: 2, lastAt: 1_800_000_000_000, reason: 'exit code 1', final: false }],
  lastReadyRevision: 1,
  at: 1_800_000_000_000,
})

const aToken = (fields: Partial<TokenRecord>): TokenRecord => ({
  id: 't1',
  hash: 'h1',
  prefix: 'berth_ab',
  name: 'laptop',
  user: 'admin',
  role: 'write',
  createdAt: 1_800_000_000_000,
  expiresAt: null,
  ...fields,
})

export const anEvent = (fields: Partial<EventRecord>): Omit<EventRecord, 'sequence'> => ({
  at: 1_800_000_000_000,
  actor: ACTOR,
  kind: 'endpoint.created',
  endpoint: 'team/guide',
  message: 'Created.',
  details: { generation: 1 },
  ...fields,
})

const aUsageTotal = (fields: Partial<UsageTotal>): UsageTotal => ({
  endpointId: A,
  tokenId: 't1',
  periodStart: 3_600_000,
  requests: 1,
  failed: 0,
  estimated: 0,
  inputTokens: 10,
  outputTokens: 5,
  cachedTokens: 0,
  durationMs: 100,
  heldMs: 0,
  streams: 0,
  firstTokenMs: 0,
  ...fields,
})
