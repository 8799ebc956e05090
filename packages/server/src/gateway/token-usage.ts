/**
 * What an engine says about the tokens of one answer, in each of the ways in which engines say it. Pure.
 *
 * OpenAI and who copies it (vLLM, SGLang, llama-server, TGI's and TEI's /v1 routes) put `usage` into the answer,
 * Anthropic's protocol into two events of a stream; TGI's own routes say `details` or only headers, TEI's own
 * routes only headers, llama-server's own routes counts beside the text.
 */
import type { HeaderFields } from './http1/field-lines.ts'

/** Undefined is what has not been said. */
export type TokenUsage = {
  readonly inputTokens: number | undefined
  readonly outputTokens: number | undefined
  readonly cachedTokens: number | undefined
}

type Fields = Readonly<Record<string, unknown>>

/** @param answer a whole answer or the data of one event. */
export function usageOf(answer: unknown): TokenUsage | undefined {
  const fields = fieldsOf(answer)
  if (!fields) return undefined
  const usage = fieldsOf(fields['usage']) ?? nested(fields, 'response') ?? nested(fields, 'message')
  if (usage) return usageIn(usage)
  const details = fieldsOf(fields['details'])
  if (details) return detailsIn(details)
  if (fields['tokens_predicted'] !== undefined || fields['tokens_evaluated'] !== undefined) {
    return said(
      count(fields['tokens_evaluated']),
      count(fields['tokens_predicted']),
      count(fieldsOf(fields['timings'])?.['cache_n']),
    )
  }
  return undefined
}

/** TGI and TEI count for those who cannot read their answers. */
export function usageInHeaders(headers: HeaderFields): TokenUsage | undefined {
  const input = headerCount(headers['x-prompt-tokens']) ?? headerCount(headers['x-compute-tokens'])
  return said(input, headerCount(headers['x-generated-tokens']), undefined)
}

/** What was said later counts, except for what it does not mention. */
export function laterOf(
  before: TokenUsage | undefined,
  later: TokenUsage | undefined,
): TokenUsage | undefined {
  if (!before || !later) return later ?? before
  return {
    inputTokens: later.inputTokens ?? before.inputTokens,
    outputTokens: later.outputTokens ?? before.outputTokens,
    cachedTokens: later.cachedTokens ?? before.cachedTokens,
  }
}

/** The `usage` object itself. */
export function usageIn(usage: Fields): TokenUsage | undefined {
  const cacheRead = count(usage['cache_read_input_tokens'])
  const details = fieldsOf(usage['prompt_tokens_details']) ?? fieldsOf(usage['input_tokens_details'])
  const uncached = count(usage['input_tokens'])
  // Anthropic counts what was read from and written to the cache beside the input, everybody else within it.
  const written = count(usage['cache_creation_input_tokens'])
  const input = uncached === undefined ? undefined : uncached + (cacheRead ?? 0) + (written ?? 0)
  return said(
    count(usage['prompt_tokens']) ?? input,
    count(usage['completion_tokens']) ?? count(usage['output_tokens']),
    count(details?.['cached_tokens']) ?? cacheRead,
  )
}

function detailsIn(details: Fields): TokenUsage | undefined {
  const prefill = Array.isArray(details['prefill']) ? details['prefill'].length : 0
  return said(
    count(details['input_length']) ?? (prefill === 0 ? undefined : prefill),
    count(details['generated_tokens']),
    undefined,
  )
}

function said(
  inputTokens: number | undefined,
  outputTokens: number | undefined,
  cachedTokens: number | undefined,
): TokenUsage | undefined {
  if (inputTokens === undefined && outputTokens === undefined) return undefined
  return { inputTokens, outputTokens, cachedTokens }
}

const nested = (fields: Fields, key: string) => fieldsOf(fieldsOf(fields[key])?.['usage'])

export function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

const headerCount = (value: string | undefined) =>
  value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined
