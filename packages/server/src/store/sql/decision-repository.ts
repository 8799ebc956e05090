/**
 * The autoscaler's decisions, the newest of each endpoint. Written once for both databases.
 *
 * What a judgement was given is much larger than what came of it, so it is kept deflated and apart.
 */
import { deflateSync, inflateSync } from 'node:zlib'
import { type Kysely, sql } from 'kysely'
import { DECISIONS_KEPT, type DecisionRecord, type Judged } from '../../domain/scale/decision-record.ts'
import type { ScaleDecisionRepository } from '../store.ts'
import { living, text } from './endpoint-repositories.ts'
import type { Dialect, Tables } from './tables.ts'

export function scaleDecisionRepository(db: Kysely<Tables>, dialect: Dialect): ScaleDecisionRepository {
  return {
    async append({ judged, ...record }) {
      const { endpointId, at, until } = record
      await db
        .insertInto('scale_decisions')
        .columns(['endpoint_id', 'decided_at', 'record', 'judged'])
        .expression(
          living(db, dialect, endpointId).select([
            'id',
            sql<number>`cast(${until ?? at} as bigint)`.as('decided_at'),
            text(JSON.stringify(record)).as('record'),
            text(packed(judged)).as('judged'),
          ]),
        )
        .execute()
      const tooOld = await db
        .selectFrom('scale_decisions')
        .select('sequence')
        .where('endpoint_id', '=', endpointId)
        .orderBy('sequence', 'desc')
        .limit(1)
        .offset(DECISIONS_KEPT)
        .executeTakeFirst()
      if (!tooOld) return
      await db
        .deleteFrom('scale_decisions')
        .where('endpoint_id', '=', endpointId)
        .where('sequence', '<=', tooOld.sequence)
        .execute()
    },

    async list(endpointId, { knownAt, since, limit }) {
      const rows = await db
        .selectFrom('scale_decisions')
        .select(['sequence', 'record', 'judged'])
        .where('endpoint_id', '=', endpointId)
        .$if(knownAt !== undefined, (query) => query.where('decided_at', '<=', knownAt ?? 0))
        .$if(since !== undefined, (query) => query.where('decided_at', '>=', since ?? 0))
        .orderBy('sequence', 'desc')
        .limit(limit)
        .execute()
      return rows.map(({ sequence, record, judged }): DecisionRecord => {
        return { ...JSON.parse(record), sequence: Number(sequence), judged: unpacked(judged) }
      })
    },
  }
}

const packed = (judged: Judged | null) =>
  judged === null ? '' : deflateSync(JSON.stringify(judged)).toString('base64')

const unpacked = (text: string): Judged | null =>
  text === '' ? null : JSON.parse(inflateSync(Buffer.from(text, 'base64')).toString())
