/**
 * Tool calls: how a model is made to call one, and how a call is found in what it wrote.
 *
 * A forced call (`tool_choice` "required", or a function by name) is a JSON grammar, so it works with every
 * model. An offered call is up to the model: its template must know tools, and the two ways of writing a call
 * that are most common are understood, `<tool_call>{…}</tool_call>` and an answer that is one JSON object.
 */
import { randomUUID } from 'node:crypto'
import { ApiError } from './api-error.ts'
import { Fields } from './fields.ts'
import { jsonGrammar } from './json-grammar.ts'

export type ToolPlan =
  | { readonly kind: 'none' }
  | { readonly kind: 'offered'; readonly tools: readonly unknown[] }
  | { readonly kind: 'forced'; readonly tools: readonly unknown[]; readonly gbnf: string }

export type ToolCall = {
  readonly id: string
  readonly type: 'function'
  readonly function: { readonly name: string; readonly arguments: string }
}

type ToolFunction = { readonly name: string; readonly parameters: unknown }

const CALL_BEGIN = '<tool_call>'
const CALL_END = '</tool_call>'

export function readToolPlan(fields: Fields, templateKnowsTools: boolean): ToolPlan {
  const tools = fields.list('tools') ?? []
  const choice = fields.raw('tool_choice') ?? 'auto'
  if (tools.length === 0) {
    if (choice === 'auto' || choice === 'none') return { kind: 'none' }
    throw fields.refusal('tool_choice', 'asks for a tool, and "tools" is empty')
  }
  const functions = tools.map((tool, i) => functionIn(tool, `tools[${i}]`))
  if (choice === 'none') return { kind: 'none' }
  if (choice === 'auto') {
    if (templateKnowsTools) return { kind: 'offered', tools }
    throw fields.refusal(
      'tools',
      'cannot be offered to this model: its chat template does not know tools. Use tool_choice "required" or name a function',
    )
  }
  const wanted = choice === 'required' ? functions : functions.filter(({ name }) => name === nameIn(choice))
  if (wanted.length === 0) {
    throw fields.refusal('tool_choice', 'must be "auto", "none", "required" or name one of the tools')
  }
  return {
    kind: 'forced',
    tools,
    gbnf: jsonGrammar({ anyOf: wanted.map(callSchema), $defs: definitionsIn(wanted) }),
  }
}

/**
 * Separates what a model says from the calls it makes.
 *
 * `push` returns what certainly is said; from the first sign of a call on, everything is kept until `finish`.
 */
export class ToolCallReader {
  #kept = ''
  #isCall = false

  push(text: string): string {
    this.#kept += text
    if (this.#isCall) return ''
    const begin = this.#kept.indexOf(CALL_BEGIN)
    if (begin !== -1 || this.#kept.trimStart().startsWith('{')) {
      this.#isCall = true
      const said = begin === -1 ? '' : this.#kept.slice(0, begin)
      this.#kept = this.#kept.slice(said.length)
      return said
    }
    if (this.#kept.trim() === '') return ''
    const certain = this.#kept.length - uncertainLength(this.#kept)
    const said = this.#kept.slice(0, certain)
    this.#kept = this.#kept.slice(certain)
    return said
  }

  /** The calls, and what was kept in vain. */
  finish(): { readonly text: string; readonly calls: readonly ToolCall[] } {
    const written = this.#kept.includes(CALL_BEGIN)
      ? this.#kept
          .split(CALL_BEGIN)
          .slice(1)
          .map((part) => part.split(CALL_END)[0] as string)
      : this.#isCall
        ? [this.#kept]
        : []
    const calls = written.map(parseToolCall).filter((call) => call !== undefined)
    return calls.length > 0 && calls.length === written.length
      ? { text: '', calls }
      : { text: this.#kept, calls: [] }
  }
}

/** `{"name": …, "arguments": …}`; some models say "parameters". */
export function parseToolCall(text: string): ToolCall | undefined {
  let call: unknown
  try {
    call = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof call !== 'object' || call === null) return undefined
  const { name, arguments: args, parameters } = call as Record<string, unknown>
  const values = args ?? parameters
  if (typeof name !== 'string' || typeof values !== 'object') return undefined
  return {
    id: `call_${randomUUID().replaceAll('-', '')}`,
    type: 'function',
    function: { name, arguments: JSON.stringify(values) },
  }
}

function functionIn(tool: unknown, path: string): ToolFunction {
  const fields = new Fields(tool, path)
  const about = fields.object('function')
  const name = about?.text('name')
  if (fields.text('type') !== 'function' || !name) {
    throw new ApiError(
      'invalid_request_error',
      `"${path}" must be {"type": "function", "function": {"name": …}}`,
    )
  }
  return { name, parameters: about?.raw('parameters') ?? { type: 'object' } }
}

function nameIn(choice: unknown): unknown {
  if (typeof choice !== 'object' || choice === null) return undefined
  const { function: about, name } = choice as { function?: { name?: unknown }; name?: unknown }
  return about?.name ?? name
}

function callSchema({ name, parameters }: ToolFunction): object {
  return {
    type: 'object',
    properties: { name: { const: name }, arguments: parameters },
    required: ['name', 'arguments'],
  }
}

/** A tool's own definitions: its references begin at its own root, which is now a part of a larger schema. */
function definitionsIn(functions: readonly ToolFunction[]): object {
  return Object.assign(
    {},
    ...functions.map(({ parameters }) => (parameters as { $defs?: object } | undefined)?.$defs ?? {}),
  )
}

function uncertainLength(text: string): number {
  for (let length = Math.min(CALL_BEGIN.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(CALL_BEGIN.slice(0, length))) return length
  }
  return 0
}
