/** What a request is refused with, in text-embeddings-inference's words: the type decides the status. */

const STATUS = {
  Empty: 400,
  Unauthorized: 401,
  NotFound: 404,
  MethodNotAllowed: 405,
  Validation: 413,
  UnsupportedMedia: 415,
  Tokenizer: 422,
  Backend: 424,
  Overloaded: 429,
  Unhealthy: 503,
} as const

export type ApiErrorType = keyof typeof STATUS

export class ApiError extends Error {
  readonly type: ApiErrorType

  constructor(type: ApiErrorType, message: string, options?: ErrorOptions) {
    super(message, options)
    this.type = type
  }

  get status(): number {
    return STATUS[this.type]
  }
}

/** A field that is missing or of the wrong kind. TEI answers these with 422 as well as what its tokenizer refuses. */
export function badField(field: string, problem: string): ApiError {
  return new ApiError('Tokenizer', `\`${field}\` ${problem}`)
}
