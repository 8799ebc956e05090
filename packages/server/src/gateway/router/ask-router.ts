/**
 * Has the endpoint's own router find the replica.
 *
 * It gets the request as a replica would, with its own key. Whatever goes wrong with it before an answer has begun is
 * no error of the request: the gateway then chooses a replica by itself.
 */
import type { RoutedEndpoint } from '../../link/messages.ts'
import { toReplica } from '../headers.ts'
import * as refusals from '../refusals.ts'
import { isBadRequest, relay } from '../relay.ts'
import { errorOf, type RelayEnd } from '../relay-end.ts'
import type { EndpointRooms, Visit } from '../serve-endpoint.ts'
import { headOfTask, type TaskCall } from '../task-call.ts'
import { addressOf } from '../upstream/connection.ts'
import type { AnswerHead } from '../upstream/response-reader.ts'
import { ASKING_BYTES, asking } from '../usage-ask.ts'
import { answeredBy, saidByDoors } from './answered-by.ts'
import type { RouterCall } from './router-calls.ts'

/** A router's own failures. A 503 is its decision: it sheds load so. */
const FAILURES = new Set([500, 502, 504])

/**
 * @returns false where the gateway is to choose a replica itself, and nothing was said to the client.
 * @throws PlatformError when it went wrong and cannot be tried again.
 */
export async function askRouter(
  visit: Visit,
  rooms: EndpointRooms,
  task: TaskCall | undefined,
): Promise<boolean> {
  const { exchange, endpoint } = visit
  // Not only now: while nobody is ready, whoever waits is kept by the gateway, which wakes the endpoint.
  const hasReplica = () => rooms.find(endpoint.id)?.replicas.some(({ state }) => state === 'ready') ?? false
  let mayAsk = !task
  for (;;) {
    const call = hasReplica() ? rooms.routers.begin(endpoint.id) : undefined
    if (!call) return false
    const asks =
      mayAsk && rooms.usageAsk.canAsk(endpoint.id, visit.path, exchange.body, rooms.clock.elapsed())
    const end = await send(visit, call, rooms, { task, asks }).finally(call.end)
    switch (end.kind) {
      case 'answered':
      case 'client-left':
        return true
      case 'declined':
        // With the usage asked for, a router may be told what a replica refuses.
        if (!asks || FAILURES.has(end.status)) return false
        rooms.usageAsk.notUnderstood(endpoint.id, rooms.clock.elapsed())
        mayAsk = false
        continue
      case 'out-of-time':
      case 'too-large':
      case 'unfit':
        throw errorOf(end, exchange)
      case 'broke-off':
        call.broke(end.reason)
        throw refusals.replicaBroke(endpoint, end.reason, rooms.limits.retryAfterMs)
      case 'unreachable':
      case 'broke':
      case 'silent':
      case 'given-up':
        if (end.kind !== 'given-up') call.broke(reasonOf(end))
        if (exchange.body.replayable) return false
        throw refusals.replicaBroke(endpoint, reasonOf(end), rooms.limits.retryAfterMs)
      default:
        end satisfies never
    }
  }
}

const reasonOf = (end: Extract<RelayEnd, { kind: 'unreachable' | 'broke' | 'silent' | 'given-up' }>) =>
  'reason' in end ? end.reason : end.kind === 'silent' ? 'it sent nothing for too long' : 'its router ended'

function send(
  { exchange, meter, endpoint, path, sharesOrigin }: Visit,
  { router, watch }: RouterCall,
  rooms: EndpointRooms,
  { task, asks }: { readonly task: TaskCall | undefined; readonly asks: boolean },
): Promise<RelayEnd> {
  const { body, request } = exchange
  const address = addressOf(router)
  meter.sentToRouter(endpoint.replicas, asks, body.arrivedBytes)
  const own = task?.body
  return relay(exchange, {
    upstream: rooms.upstream,
    to: address,
    path: task?.path ?? path,
    fields: toReplica(
      task ? headOfTask(exchange, task) : request,
      address.name,
      router.apiKey,
      exchange.id,
      own?.length ?? (body.complete ? body.keptBytes + (asks ? ASKING_BYTES : 0) : undefined),
      asks || task !== undefined,
      exchange.timeLeftMs,
    ),
    body: own ? () => own : asks ? () => asking(body) : undefined,
    declines: (head) => (asks && isBadRequest(head)) || (isItsOwnFailure(head, endpoint) && body.replayable),
    onlooker: meter,
    fresh: request.wantsUpgrade || !body.reserve(rooms.limits.replayBytes),
    answerLines: ({ headers }) => saidByDoors(headers),
    sandboxed: sharesOrigin,
    watch,
    limits: rooms.limits,
  })
}

/** An error that no replica gave. */
const isItsOwnFailure = ({ status, headers }: AnswerHead, { replicas }: RoutedEndpoint) =>
  FAILURES.has(status) && answeredBy(headers, replicas) === undefined
