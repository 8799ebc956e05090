/** `POST /v1/chat/completions`: OpenAI's shape, plain and streamed. */
import { randomUUID } from 'node:crypto'
import { ApiError } from './api-error.ts'
import type { ChatMessage, Conversation } from './chat-prompt.ts'
import type { Engine } from './engine.ts'
import type { Exchange } from './exchange.ts'
import { Fields } from './fields.ts'
import { compileGrammar, readGenerationOptions } from './generation-options.ts'
import { generateText, timingsOf, usageOf } from './text-generation.ts'
import { parseToolCall, readToolPlan, type ToolCall, ToolCallReader, type ToolPlan } from './tool-calls.ts'

export async function answerChat(engine: Engine, exchange: Exchange): Promise<void> {
  const fields = new Fields(exchange.body)
  const generator = engine.requireGenerator()
  const plan = readToolPlan(fields, engine.chatPrompt.knowsTools)
  const options = readGenerationOptions(fields, engine.model)
  const prompt = engine.chatPrompt.tokens(readConversation(fields, plan))

  const head = { id: `chatcmpl-${randomUUID()}`, created: nowSeconds(), model: engine.settings.alias }
  const reader = answerReader(plan)
  const chunk = (delta: object, finishReason: string | null, more: object = {}) =>
    exchange.sendEvent({
      choices: [{ finish_reason: finishReason, index: 0, delta }],
      ...head,
      object: 'chat.completion.chunk',
      ...more,
    })
  const begin = () => {
    if (!exchange.isStreaming) chunk({ role: 'assistant', content: '' }, null)
  }

  let content = ''
  const say = (text: string) => {
    if (text === '') return
    if (options.stream) chunk({ content: text }, null)
    else content += text
  }
  const end = await generateText(engine.model, generator, {
    prompt,
    options:
      plan.kind === 'forced' ? { ...options, grammar: compileGrammar(plan.gbnf, engine.model) } : options,
    signal: exchange.signal,
    onText: (text) => {
      if (options.stream) begin()
      say(reader.push(text))
    },
  })
  if (!end) return
  const { text, calls } = reader.finish()
  const finishReason = calls.length > 0 ? 'tool_calls' : end.finishReason

  if (!options.stream) {
    const said = content + text
    exchange.sendJson(200, {
      choices: [
        {
          finish_reason: finishReason,
          index: 0,
          message: {
            role: 'assistant',
            content: calls.length > 0 && said === '' ? null : said,
            ...(calls.length > 0 ? { tool_calls: calls } : {}),
          },
        },
      ],
      ...head,
      object: 'chat.completion',
      usage: usageOf(end),
      timings: timingsOf(end),
    })
    return
  }
  begin()
  say(text)
  if (calls.length > 0) chunk({ tool_calls: calls.map((call, index) => ({ index, ...call })) }, null)
  chunk({}, finishReason, { timings: timingsOf(end) })
  if (options.includeUsage) {
    exchange.sendEvent({ choices: [], ...head, object: 'chat.completion.chunk', usage: usageOf(end) })
  }
  exchange.endEvents()
}

export function readConversation(fields: Fields, plan: ToolPlan): Conversation {
  const messages = fields.list('messages')
  if (!messages || messages.length === 0)
    throw fields.refusal('messages', 'must be a list with a message at least')
  return {
    messages: messages.map((message, i) => readMessage(new Fields(message, `messages[${i}]`))),
    tools: plan.kind === 'none' ? undefined : plan.tools,
    variables: fields.object('chat_template_kwargs')?.all ?? {},
  }
}

function readMessage(fields: Fields): ChatMessage {
  const role = fields.text('role')
  if (!role) throw fields.refusal('role', 'is missing')
  const toolCalls = fields.list('tool_calls')
  const content = readContent(fields)
  if (content === null && !toolCalls) throw fields.refusal('content', 'is missing')
  return {
    ...fields.all,
    role,
    content,
    ...(toolCalls ? { tool_calls: toolCalls.map(withParsedArguments) } : {}),
  }
}

/** A string, or parts that are all text. */
function readContent(fields: Fields): string | null {
  const content = fields.raw('content')
  if (content === undefined) return null
  if (typeof content === 'string') return content
  const parts = Array.isArray(content)
    ? content.map((part, i) => new Fields(part, `content[${i}]`))
    : undefined
  if (!parts) throw fields.refusal('content', 'must be a string or a list of parts')
  return parts
    .map((part) => {
      const text = part.text('text')
      if (part.text('type') === 'text' && text !== undefined) return text
      throw fields.refusal(
        'content',
        `has a part of type "${String(part.raw('type'))}"; this engine reads only text`,
      )
    })
    .join('\n')
}

/** Templates write arguments out as JSON, so they want the object, while clients send its text. */
function withParsedArguments(call: unknown): unknown {
  const about = (call as { function?: { arguments?: unknown } } | null)?.function
  if (typeof about?.arguments !== 'string') return call
  try {
    return { ...(call as object), function: { ...about, arguments: JSON.parse(about.arguments) } }
  } catch {
    return call
  }
}

type AnswerReader = {
  push(text: string): string
  finish(): { readonly text: string; readonly calls: readonly ToolCall[] }
}

function answerReader(plan: ToolPlan): AnswerReader {
  switch (plan.kind) {
    case 'none':
      return { push: (text) => text, finish: () => ({ text: '', calls: [] }) }
    case 'offered':
      return new ToolCallReader()
    case 'forced':
      return forcedCallReader()
    default:
      return plan satisfies never
  }
}

function forcedCallReader(): AnswerReader {
  let written = ''
  return {
    push: (text) => {
      written += text
      return ''
    },
    // A call that was cut off by a limit is no call: it is shown as the text it is.
    finish: () => {
      const call = parseToolCall(written)
      return call ? { text: '', calls: [call] } : { text: written, calls: [] }
    },
  }
}

const nowSeconds = () => Math.floor(Date.now() / 1000)

export function applyTemplate(engine: Engine, exchange: Exchange): void {
  const fields = new Fields(exchange.body)
  if (engine.settings.embeddings) throw new ApiError('not_supported_error', 'this model only embeds')
  const tools = fields.list('tools')
  const plan: ToolPlan = tools && tools.length > 0 ? { kind: 'offered', tools } : { kind: 'none' }
  exchange.sendJson(200, { prompt: engine.chatPrompt.text(readConversation(fields, plan)) })
}
