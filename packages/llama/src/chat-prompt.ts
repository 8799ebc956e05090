/**
 * From a conversation to the tokens of a prompt, with the chat template that the model brings along.
 *
 * A template is a program whose special tokens count, while the words of a user are only words: a message that
 * spells `<|im_end|>` must not end itself. Such a message is fenced by two characters that no text contains
 * before the template sees it, and what lies between the fences is tokenised as plain text.
 */
import { ApiError } from './api-error.ts'
import type { Model } from './model.ts'
import type { NativeTemplate } from './native.ts'

export type ChatMessage = {
  readonly role: string
  readonly content: string | null
  readonly [field: string]: unknown
}

export type Conversation = {
  readonly messages: readonly ChatMessage[]
  readonly tools: readonly unknown[] | undefined
  /** Further variables for the template, such as enable_thinking. */
  readonly variables: Readonly<Record<string, unknown>>
}

/** For a file without a template: ChatML, as llama-server does. */
const CHATML = `{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}`

/** Unicode's noncharacters: reserved for use inside a program, never for exchange. */
const FENCE_BEGIN = '\uFDD0'
const FENCE_END = '\uFDD1'
const FENCES = /[\uFDD0\uFDD1]/g

export class ChatPrompt {
  readonly source: string
  readonly #model: Model
  #template: NativeTemplate | undefined

  constructor(model: Model) {
    this.#model = model
    this.source = model.facts.chatTemplate ?? CHATML
  }

  /** Whether the template knows how to tell the model about tools. */
  get knowsTools(): boolean {
    return /\btools\b/.test(this.source)
  }

  tokens(conversation: Conversation): Uint32Array {
    const rendered = this.#render({
      ...conversation,
      messages: conversation.messages.map((message) => ({
        ...message,
        content: message.content === null ? null : this.#fenced(message.content),
      })),
    })
    // Even pieces are the template's, odd ones lay between fences.
    const parts = this.#withoutBos(rendered)
      .split(FENCES)
      .map((text, i) => (i % 2 === 0 ? this.#model.tokenizeSpecial(text) : this.#model.tokenizePlain(text)))
    const tokens =
      parts.length === 1 ? (parts[0] as Uint32Array) : Uint32Array.from(parts.flatMap((part) => [...part]))
    return this.#withBos(tokens)
  }

  text(conversation: Conversation): string {
    return this.#render(conversation)
  }

  #render({ messages, tools, variables }: Conversation): string {
    try {
      this.#template ??= new this.#model.native.AddonJinjaRenderer(this.source)
      return this.#template.render({
        ...variables,
        messages,
        ...(tools ? { tools } : {}),
        add_generation_prompt: variables['add_generation_prompt'] ?? true,
        bos_token: this.#model.textOf(this.#model.handle.tokenBos()),
        eos_token: this.#model.textOf(this.#model.handle.tokenEos()),
      })
    } catch (cause) {
      throw new ApiError(
        'invalid_request_error',
        `the chat template refuses this conversation: ${reasonIn(cause)}`,
      )
    }
  }

  #fenced(content: string): string {
    const clean = content.replace(FENCES, '')
    const plain = this.#model.tokenizePlain(clean)
    const special = this.#model.tokenizeSpecial(clean)
    if (plain.length === special.length && plain.every((token, i) => token === special[i])) return clean
    // Fences inside the spaces, since a template may trim.
    const core = clean.trim()
    const at = clean.indexOf(core)
    return clean.slice(0, at) + FENCE_BEGIN + core + FENCE_END + clean.slice(at + core.length)
  }

  #withoutBos(text: string): string {
    const bos = this.#model.textOf(this.#model.handle.tokenBos())
    return bos !== '' && this.#prependsBos && text.startsWith(bos) ? text.slice(bos.length) : text
  }

  #withBos(tokens: Uint32Array): Uint32Array {
    if (!this.#prependsBos) return tokens
    const framed = new Uint32Array(tokens.length + 1)
    framed[0] = this.#model.handle.tokenBos()
    framed.set(tokens, 1)
    return framed
  }

  get #prependsBos(): boolean {
    return this.#model.handle.shouldPrependBosToken() && this.#model.handle.tokenBos() >= 0
  }
}

/** The sentence in llama.cpp's report: its last line, after the place in the template. */
function reasonIn(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  const sentence = /^Error: (?:Jinja Exception: )?(.+)$/m.exec(message)?.[1]
  return sentence ?? message.replace(/^AddonJinjaRenderer: /, '').split('\n', 1)[0] ?? ''
}
