/** Requests to the endpoint itself, through the gateway, with the session's token. */
import { serverSentData } from '@berth/contract/client-over'
import { send } from '../../../api/client.ts'
import { errorText } from './chat-exchange.ts'

export type EndpointRequest = {
  readonly namespace: string
  readonly name: string
  readonly path: string
  readonly body: unknown
  readonly signal?: AbortSignal
}

/** @throws Error with the words of who refused. */
export async function callEndpoint(request: EndpointRequest): Promise<Response> {
  const { namespace, name, path, body, signal } = request
  const response = await send(`/e/${namespace}/${name}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(signal ? { signal } : {}),
  })
  if (!response.ok) throw new Error(await refusalOf(response))
  return response
}

export async function askJson<Answer>(request: EndpointRequest): Promise<Answer> {
  return (await (await callEndpoint(request)).json()) as Answer
}

/** The data of each event of the answer. */
export async function* askEvents(request: EndpointRequest): AsyncIterable<string> {
  const response = await callEndpoint(request)
  if (!response.body) return
  yield* serverSentData(textOf(response.body))
}

async function* textOf(body: NonNullable<Response['body']>): AsyncIterable<string> {
  for await (const piece of body.pipeThrough(new TextDecoderStream())) yield piece
}

async function refusalOf(response: Response): Promise<string> {
  const text = await response.text()
  try {
    const { error, message } = JSON.parse(text) as { readonly error?: unknown; readonly message?: unknown }
    return errorText(error ?? message ?? text)
  } catch {
    return `The endpoint answered ${response.status}${text ? `: ${text.slice(0, 500)}` : '.'}`
  }
}
