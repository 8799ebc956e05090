/** A model with the routes of its API. */

export type ApiRequest = {
  readonly contentType: string
  readonly body: Buffer
}

export type Answer = {
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface ServedModel {
  /** For the log: what was opened. */
  readonly says: string
  /** What GET /info tells. */
  info(): object
  /** Routes that are asked with POST. */
  readonly routes: ReadonlyMap<string, (request: ApiRequest) => Promise<Answer>>
}
