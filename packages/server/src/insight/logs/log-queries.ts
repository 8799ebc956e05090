/** What is asked about logs, and the answers in the shapes of the API. */
import type { FollowLogLinesQuery, LogLine, LogLinesQuery, LogsQuery } from '@berth/contract'
import { PlatformError } from '../../domain/errors.ts'
import type { EndpointId } from '../../domain/replica.ts'
import { type LineId, lineId, parseLineId } from './line-id.ts'
import type { ArchivedLine, LineFilter, LogArchive } from './log-archive.ts'

const DEFAULT_TAIL_LINES = 1_000
const MOST_TEXT_LINES = 100_000

/** Text alone, the oldest first; with `follow` also what comes. */
export async function* textLines(
  archive: LogArchive,
  endpointId: EndpointId,
  query: LogsQuery,
  signal: AbortSignal,
): AsyncIterable<string> {
  const filter = filterOf(query)
  const bounded = filter.since !== undefined || filter.until !== undefined
  const tail = query.tail ?? (bounded ? MOST_TEXT_LINES : DEFAULT_TAIL_LINES)
  if (query.follow) {
    for await (const { text } of archive.follow(endpointId, { ...filter, tail }, signal)) yield text
    return
  }
  const lines = await archive.read(endpointId, { ...filter, limit: tail, from: 'newest' })
  for (const { text } of lines) yield text
}

export async function readLines(
  archive: LogArchive,
  endpointId: EndpointId,
  query: LogLinesQuery,
): Promise<LogLine[]> {
  const { tail, limit, order } = query
  const lines = await archive.read(endpointId, {
    ...filterOf(query),
    before: idIn(query.before, 'before'),
    after: idIn(query.after, 'after'),
    limit: tail ?? limit,
    from: tail === undefined && order === 'asc' ? 'oldest' : 'newest',
  })
  const views = lines.map(lineView)
  return order === 'desc' && tail === undefined ? views.reverse() : views
}

export async function* followLines(
  archive: LogArchive,
  endpointId: EndpointId,
  query: FollowLogLinesQuery,
  signal: AbortSignal,
): AsyncIterable<LogLine> {
  const after = idIn(query.after, 'after')
  const asked = { ...filterOf(query), tail: query.tail ?? 0, after }
  for await (const line of archive.follow(endpointId, asked, signal)) yield lineView(line)
}

type Asked = Pick<LogsQuery, 'replica' | 'level' | 'search' | 'since'> & {
  readonly until?: string | undefined
}

function filterOf({ replica, level, search, since, until }: Asked): LineFilter {
  return {
    replica,
    level,
    search,
    since: since === undefined ? undefined : Date.parse(since),
    until: until === undefined ? undefined : Date.parse(until),
  }
}

function idIn(text: string | undefined, field: string): LineId | undefined {
  const id = parseLineId(text)
  if (id || text === undefined) return id
  throw new PlatformError('invalid', `${field} is "${text}": it must be the id of a line.`, { field })
}

const lineView = (line: ArchivedLine): LogLine => ({
  id: lineId(line),
  timestamp: new Date(line.at).toISOString(),
  line: line.text,
  stream: line.stream,
  replica_id: line.replica,
  level: line.level,
})
