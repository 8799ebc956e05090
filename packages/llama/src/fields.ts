/** Reads the fields of a JSON request: each with its type and range, refused by name when it is wrong. */
import { ApiError } from './api-error.ts'

export class Fields {
  readonly #body: Readonly<Record<string, unknown>>
  readonly #path: string

  constructor(body: unknown, path = '') {
    if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      throw new ApiError('invalid_request_error', `${path ? `"${path}"` : 'the body'} must be a JSON object`)
    }
    this.#body = body as Record<string, unknown>
    this.#path = path === '' ? '' : `${path}.`
  }

  /** `null` counts as absent: clients write it for "the default". */
  raw(name: string): unknown {
    return this.#body[name] ?? undefined
  }

  has(name: string): boolean {
    return this.raw(name) !== undefined
  }

  number(name: string, min: number, max: number): number | undefined {
    const value = this.raw(name)
    if (value === undefined) return undefined
    if (typeof value !== 'number' || !(value >= min && value <= max)) {
      throw this.refusal(name, `must be a number from ${min} to ${max}`)
    }
    return value
  }

  integer(name: string, min: number, max: number): number | undefined {
    const value = this.number(name, min, max)
    if (value !== undefined && !Number.isInteger(value)) throw this.refusal(name, 'must be a whole number')
    return value
  }

  flag(name: string): boolean | undefined {
    const value = this.raw(name)
    if (value !== undefined && typeof value !== 'boolean') throw this.refusal(name, 'must be true or false')
    return value
  }

  text(name: string): string | undefined {
    const value = this.raw(name)
    if (value !== undefined && typeof value !== 'string') throw this.refusal(name, 'must be a string')
    return value
  }

  list(name: string): readonly unknown[] | undefined {
    const value = this.raw(name)
    if (value !== undefined && !Array.isArray(value)) throw this.refusal(name, 'must be a list')
    return value
  }

  object(name: string): Fields | undefined {
    const value = this.raw(name)
    return value === undefined ? undefined : new Fields(value, this.#path + name)
  }

  /** The whole object, for values that are handed on as they are. */
  get all(): Readonly<Record<string, unknown>> {
    return this.#body
  }

  refusal(name: string, problem: string): ApiError {
    return new ApiError('invalid_request_error', `"${this.#path}${name}" ${problem}`)
  }
}
