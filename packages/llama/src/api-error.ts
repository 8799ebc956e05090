/** What a request is refused with, in llama-server's words: the type decides the status. */

const STATUS = {
  invalid_request_error: 400,
  exceed_context_size_error: 400,
  authentication_error: 401,
  not_found_error: 404,
  method_not_allowed_error: 405,
  body_too_large_error: 413,
  server_error: 500,
  not_supported_error: 501,
  unavailable_error: 503,
} as const

export type ApiErrorType = keyof typeof STATUS

export class ApiError extends Error {
  readonly type: ApiErrorType
  /** Further fields of the answer's error object. */
  readonly details: Readonly<Record<string, number>>

  constructor(type: ApiErrorType, message: string, details: Readonly<Record<string, number>> = {}) {
    super(message)
    this.type = type
    this.details = details
  }

  get status(): number {
    return STATUS[this.type]
  }

  toJSON(): object {
    return { error: { code: this.status, message: this.message, type: this.type, ...this.details } }
  }
}
