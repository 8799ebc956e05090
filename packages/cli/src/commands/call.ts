/** `berth call`: asks an endpoint something and prints the answer as it comes. */
import { ApiError, type EndpointState, type EndpointWithStatus, ErrorBody } from '@berth/contract'
import type { Command } from 'commander'
import { readAnswer, statsLine, type Usage } from '../chat-answer.ts'
import { NAME, wholeNumber, withNamespace } from '../command-options.ts'
import { readEventStream } from '../event-stream.ts'
import { CommandError, EXIT, usageError } from '../exit.ts'
import { abortOnInterrupt } from '../interrupt.ts'
import { openSession, type Session } from '../session.ts'
import { readStdin } from '../stdin.ts'

type Flags = {
  readonly system?: string
  readonly maxTokens?: number
  readonly temperature?: number
  readonly stream: boolean
  readonly raw?: boolean
}

export function addCall(program: Command): void {
  withNamespace(program.command('call').description('ask an endpoint something'))
    .argument(`<${NAME}>`)
    .argument('[prompt...]', 'what to ask; - or nothing reads it from stdin')
    .option('--system <text>', 'system message')
    .option('--max-tokens <number>', 'longest answer', wholeNumber('--max-tokens'))
    .option('--temperature <number>', 'randomness', temperature)
    .option('--no-stream', 'wait for the whole answer')
    .option('--raw', 'print the response body exactly as it comes')
    .action(async (name: string, words: readonly string[], flags: Flags, command: Command) => {
      const session = await openSession(command)
      const prompt = await promptFrom(words)
      const endpoint = await session.client.getEndpoint({ params: await session.endpoint(name) })
      const signal = abortOnInterrupt()
      try {
        await call(session, endpoint, requestBody(endpoint, prompt, flags), flags, signal)
      } catch (error) {
        if (signal.aborted) throw signal.reason
        throw error instanceof TypeError ? brokenOff(error) : error
      }
    })
}

/** States in which a request waits until a replica is ready. */
const SLEEPY: ReadonlySet<EndpointState> = new Set(['scaledToZero', 'pending', 'initializing'])

async function promptFrom(words: readonly string[]): Promise<string> {
  const fromStdin = words.length === 0 || (words.length === 1 && words[0] === '-')
  if (fromStdin && words.length === 0 && process.stdin.isTTY) {
    throw usageError('There is no prompt: write it after the name, or pipe it in.')
  }
  const prompt = fromStdin ? (await readStdin()).trim() : words.join(' ')
  if (!prompt) throw usageError('The prompt is empty.')
  return prompt
}

function requestBody({ namespace, name }: EndpointWithStatus, prompt: string, flags: Flags): object {
  return {
    model: `${namespace}/${name}`,
    messages: [
      ...(flags.system === undefined ? [] : [{ role: 'system', content: flags.system }]),
      { role: 'user', content: prompt },
    ],
    ...(flags.maxTokens === undefined ? {} : { max_tokens: flags.maxTokens }),
    ...(flags.temperature === undefined ? {} : { temperature: flags.temperature }),
    ...(flags.stream ? { stream: true, stream_options: { include_usage: true } } : {}),
  }
}

async function call(
  session: Session,
  endpoint: EndpointWithStatus,
  body: object,
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name, status } = endpoint
  if (!status.url) throw new CommandError(EXIT.failed, noUrl(endpoint))
  if (SLEEPY.has(status.state)) {
    session.printer.note(`waking ${namespace}/${name} (${status.state}) …`)
  }
  const sentAt = performance.now()
  const response = await session.fetch(`${session.url}/e/${namespace}/${name}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(session.token ? { authorization: `Bearer ${session.token}` } : {}),
    },
    body: JSON.stringify(body),
    signal,
  })
  if (!response.ok) throw await refusalOf(response)
  if (!response.body) throw brokenOff(undefined)
  if (flags.raw) {
    for await (const bytes of response.body) process.stdout.write(bytes)
    return
  }
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
  await (isStream
    ? printStream(session, response.body, sentAt)
    : printWhole(session, await response.text(), sentAt))
}

async function printWhole({ printer }: Session, text: string, sentAt: number): Promise<void> {
  const answer = readAnswer(text)
  if (!answer)
    throw new CommandError(
      EXIT.failed,
      `The endpoint answered something else than a chat completion: ${text.slice(0, 200)}`,
    )
  printer.result(JSON.parse(text), () => answer.text)
  finish(printer, answer.usage, answer.finishReason, {
    sentAt,
    firstTextAt: undefined,
    endedAt: performance.now(),
  })
}

async function printStream(
  { printer }: Session,
  body: AsyncIterable<Uint8Array>,
  sentAt: number,
): Promise<void> {
  let firstTextAt: number | undefined
  let usage: Usage | undefined
  let finishReason: string | undefined
  let waitingFor = ''
  let isDone = false
  for await (const { kind, text } of readEventStream(body)) {
    if (kind === 'comment') {
      if (text && text !== waitingFor && firstTextAt === undefined) printer.note(text)
      waitingFor = text
      continue
    }
    if (text === '[DONE]') {
      isDone = true
      break
    }
    const piece = readAnswer(text)
    if (!piece)
      throw new CommandError(
        EXIT.failed,
        `The endpoint sent something else than a chunk of an answer: ${text.slice(0, 200)}`,
      )
    if (piece.error !== undefined) throw new CommandError(EXIT.failed, piece.error)
    if (piece.text) firstTextAt ??= performance.now()
    usage = piece.usage ?? usage
    finishReason = piece.finishReason ?? finishReason
    printer.item(JSON.parse(text), () => piece.text)
  }
  if (!printer.json) process.stdout.write('\n')
  if (!isDone && finishReason === undefined) throw brokenOff(undefined)
  finish(printer, usage, finishReason, { sentAt, firstTextAt, endedAt: performance.now() })
}

function finish(
  printer: Session['printer'],
  usage: Usage | undefined,
  finishReason: string | undefined,
  times: Parameters<typeof statsLine>[1],
): void {
  if (finishReason === 'length') printer.note('The answer was cut off at its token limit: see --max-tokens.')
  printer.note(statsLine(usage, times))
}

function noUrl({ namespace, name, status }: EndpointWithStatus): string {
  const wayOut = status.state === 'paused' ? ` Resume it with \`berth resume ${namespace}/${name}\`.` : ''
  return `${namespace}/${name} has no URL now (${status.state}): ${status.message}${wayOut}`
}

async function refusalOf(response: Response): Promise<Error> {
  const text = await response.text()
  const body = ErrorBody.safeParse(parsedOrNothing(text))
  if (body.success) return new ApiError(response.status, body.data)
  const said = readAnswer(text)?.error ?? text.slice(0, 200)
  return new CommandError(EXIT.failed, `The endpoint answered ${response.status}${said ? `: ${said}` : '.'}`)
}

const brokenOff = (cause: unknown) =>
  new CommandError(EXIT.failed, 'The connection broke off before the answer was complete: call again.', {
    cause,
  })

function parsedOrNothing(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function temperature(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw usageError(`--temperature is "${text}": write a number from 0 on.`)
  }
  return value
}
