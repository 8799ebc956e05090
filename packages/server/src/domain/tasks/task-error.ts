/**
 * An engine's error as the clients of task calls read errors: a text, and in TGI's words of which kind it is.
 *
 * OpenAI's routes answer with an object in its place, which those clients print as it is.
 */
import { asObject, type Json } from './task-parameters.ts'

/** @returns undefined for what is no error of OpenAI's shape. */
export function taskError(status: number, response: unknown): Json | undefined {
  const body = asObject(response)
  // vLLM once put the fields of the error at the top.
  const message = asObject(body?.['error'])?.['message'] ?? body?.['message']
  return typeof message === 'string' ? { error: message, error_type: kindOf(status) } : undefined
}

function kindOf(status: number): 'validation' | 'overloaded' | 'generation' {
  if (status === 429 || status === 503) return 'overloaded'
  return status < 500 ? 'validation' : 'generation'
}
