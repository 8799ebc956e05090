/** Reads a request's JSON. What is wrong is refused by name. */
import { ApiError, badField } from './api-error.ts'
import type { ApiRequest } from './served-model.ts'

export type Json = Readonly<Record<string, unknown>>

export function readJson({ body, contentType }: ApiRequest): Json {
  if (!/^application\/(.+\+)?json\b/i.test(contentType)) {
    throw new ApiError(
      'UnsupportedMedia',
      `Content-Type is "${contentType}", and this route reads application/json`,
    )
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(body.toString('utf8'))
  } catch {
    // The parser's own message quotes the body, which may be private.
    throw new ApiError('Tokenizer', 'the body is not valid JSON')
  }
  if (!isObject(parsed)) throw new ApiError('Tokenizer', 'the body must be a JSON object')
  return parsed
}

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string')

export function flag(json: Json, name: string): boolean | undefined {
  const value = json[name]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'boolean') return value
  throw badField(name, 'must be true or false')
}

export function text(json: Json, name: string): string {
  const value = json[name]
  if (typeof value === 'string') return value
  throw badField(name, value === undefined ? 'is missing' : 'must be a string')
}

export function texts(json: Json, name: string): readonly string[] {
  const value = json[name]
  if (isTexts(value)) return value
  throw badField(name, value === undefined ? 'is missing' : 'must be a list of strings')
}

export function wholeNumber(json: Json, name: string, min: number): number | undefined {
  const value = json[name]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isInteger(value) && value >= min) return value
  throw badField(name, `must be a whole number from ${min} on`)
}
