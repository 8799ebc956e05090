/** Reading what a client put into a task call: values of anybody's making, believed only after a look. */
import { PlatformError } from '../errors.ts'

export type Json = Readonly<Record<string, unknown>>

export function asObject(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined
}

/** Clients send `null` for what was not set. */
export function isSet(value: unknown): boolean {
  return value !== undefined && value !== null
}

/** @throws PlatformError `invalid` for the first parameter that is set and not `known`. */
export function refuseUnknown(
  parameters: Json,
  known: readonly string[],
  { engine, path }: { readonly engine: string; readonly path: string },
): void {
  // `false` asks for nothing.
  const unknown = Object.keys(parameters).find(
    (name) => !known.includes(name) && isSet(parameters[name]) && parameters[name] !== false,
  )
  if (!unknown) return
  throw invalid(
    unknown,
    `The parameter "${unknown}" has no counterpart in ${path} of ${engine}: leave it out. What can be given: ${known.join(', ')}.`,
  )
}

export function invalid(parameter: string, message: string): PlatformError {
  return new PlatformError('invalid', message, { field: `parameters.${parameter}` })
}

/** For a part of `inputs` that is not what its task reads. */
export function invalidInput(name: string, value: unknown, what: string): PlatformError {
  const said = value === undefined ? 'missing' : JSON.stringify(value).slice(0, 100)
  return new PlatformError('invalid', `inputs.${name} is ${said}: it must be ${what}.`, {
    field: `inputs.${name}`,
  })
}

/** @throws PlatformError `invalid` when it is set and no number. */
export function numberIn(parameters: Json, name: string): number | undefined {
  const value = parameters[name]
  if (!isSet(value)) return undefined
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw invalid(name, `The parameter "${name}" is ${JSON.stringify(value)}: it must be a number.`)
}

/** @throws PlatformError `invalid` when it is set and neither true nor false. */
export function booleanIn(parameters: Json, name: string): boolean | undefined {
  const value = parameters[name]
  if (!isSet(value)) return undefined
  if (typeof value === 'boolean') return value
  throw invalid(name, `The parameter "${name}" is ${JSON.stringify(value)}: it must be true or false.`)
}

/** @throws PlatformError `invalid` when it is set and no list of texts. */
export function textsIn(parameters: Json, name: string): readonly string[] | undefined {
  const value = parameters[name]
  if (!isSet(value)) return undefined
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value
  throw invalid(name, `The parameter "${name}" is ${JSON.stringify(value)}: it must be a list of texts.`)
}

/** For an engine's answer that is not what its route promises. */
export function unexpectedAnswer(path: string, missing: string): PlatformError {
  return new PlatformError(
    'bad_gateway',
    `The engine's answer to ${path} has no ${missing}: look at the endpoint's logs.`,
  )
}
