/** What was used. Written once for both databases. */
import type { Kysely } from 'kysely'
import { mergeUsage, type UsageTotal } from '../../domain/usage/usage-totals.ts'
import type { UsageRepository } from '../store.ts'
import type { Tables } from './tables.ts'

export function usageRepository(db: Kysely<Tables>): UsageRepository {
  return {
    async claimBatch({ gatewayId, sequence, at }) {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('usage_batches')
        .values({ gateway_id: gatewayId, sequence, at })
        .onConflict((conflict) =>
          conflict
            .column('gateway_id')
            .doUpdateSet({ sequence, at })
            .where('usage_batches.sequence', '<', sequence),
        )
        .executeTakeFirst()
      return (numInsertedOrUpdatedRows ?? 0n) > 0n
    },

    async add(totals) {
      for (const total of mergeUsage(totals)) {
        const row = {
          endpoint_id: total.endpointId,
          token_id: tokenKey(total),
          period_start: total.periodStart,
        }
        const before = await db
          .selectFrom('usage_totals')
          .select('record')
          .where('endpoint_id', '=', row.endpoint_id)
          .where('token_id', '=', row.token_id)
          .where('period_start', '=', row.period_start)
          .executeTakeFirst()
        const [sum = total] = mergeUsage([...(before ? [parsed(before)] : []), total])
        const record = JSON.stringify(sum)
        await db
          .insertInto('usage_totals')
          .values({ ...row, record })
          .onConflict((conflict) =>
            conflict.columns(['endpoint_id', 'period_start', 'token_id']).doUpdateSet({ record }),
          )
          .execute()
      }
    },

    async list({ endpointId, from, to }) {
      const rows = await db
        .selectFrom('usage_totals')
        .select('record')
        .$if(endpointId !== undefined, (query) => query.where('endpoint_id', '=', endpointId ?? ''))
        .where('period_start', '>=', from)
        .where('period_start', '<', to)
        .orderBy('period_start')
        .orderBy('endpoint_id')
        .orderBy('token_id')
        .execute()
      return rows.map(parsed)
    },

    async prune({ periodsBefore, gatewaysBefore }) {
      await db.deleteFrom('usage_totals').where('period_start', '<', periodsBefore).execute()
      await db.deleteFrom('usage_batches').where('at', '<', gatewaysBefore).execute()
    },
  }
}

/** A key column may not be null; no token has an empty id. */
const tokenKey = ({ tokenId }: UsageTotal) => tokenId ?? ''

const parsed = (row: { record: string }) => JSON.parse(row.record) as UsageTotal
