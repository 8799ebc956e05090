/**
 * Task calls to an endpoint's root whose engine has no route for them: read whole, and sent to the route that they
 * become. Nothing else that passes through the gateway is parsed.
 */
import { mayBeTranslated, taskRoute } from '../domain/tasks/task-route.ts'
import type { RoutedEndpoint } from '../link/messages.ts'
import type { Exchange } from './exchange.ts'
import type { BodyKind } from './front/front.ts'
import { fieldsIn } from './http1/field-lines.ts'
import { nameSet } from './http1/field-names.ts'
import { type ReadingRooms, readStart } from './read-start.ts'
import * as refusals from './refusals.ts'
import { TaskAnswer } from './task-answer.ts'

export type TaskCall = {
  readonly path: string
  readonly body: Buffer
  /** What the client gets of the engine's answer. */
  readonly answer: TaskAnswer
}

type Asked = {
  readonly exchange: Exchange
  readonly endpoint: Pick<RoutedEndpoint, 'tasks'>
  readonly path: string
}

/** Whether it may be one: nearly every request is told apart by this, so it looks at two bytes. */
export const isTaskCall = ({ exchange, endpoint, path }: Asked): boolean =>
  endpoint.tasks !== undefined && isRoot(path) && exchange.request.method === 'POST'

/**
 * @returns undefined for everything that is passed on as it is.
 * @throws PlatformError `invalid` for what the engine cannot be asked, `too_large` for what is not read whole.
 */
export async function taskCallIn(
  { exchange, endpoint: { tasks } }: Asked,
  rooms: ReadingRooms,
): Promise<TaskCall | undefined> {
  if (!tasks) return undefined
  const { body } = exchange
  const { limits } = rooms
  await readStart(exchange, rooms, limits.taskBodyBytes)
  if (body.isTooLarge) throw refusals.bodyTooLarge(body.limitBytes)
  const isWhole = body.complete && body.replayable
  const whole = Buffer.concat(body.kept)
  if (!mayBeTranslated(tasks, whole)) return undefined
  if (!isWhole) throw refusals.taskTooLarge(limits.taskBodyBytes)
  const route = taskRoute(tasks, jsonIn(whole))
  if (!route) return undefined
  return {
    path: route.path,
    body: Buffer.from(JSON.stringify(route.body)),
    answer: new TaskAnswer(route, limits),
  }
}

/** The request's head as the engine gets it: what it is sent is JSON, whatever its client called it. */
export function headOfTask({ request }: Exchange, { body }: TaskCall) {
  const headers = fieldsIn(`content-type: application/json\r\n${request.headers.without(NOT_OF_THE_TASK)}`)
  const framed: BodyKind = { kind: 'length', bytes: body.length }
  return { method: request.method, body: framed, wantsUpgrade: false, headers }
}

const NOT_OF_THE_TASK = nameSet(['content-type', 'content-encoding', 'accept'])

const isRoot = (path: string) => path === '/' || path.startsWith('/?')

function jsonIn(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}
