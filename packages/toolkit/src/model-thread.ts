/**
 * The model in a thread of its own.
 *
 * ONNX Runtime computes on the thread that asks it, for as long as a pass takes; and while it does, somebody has to
 * answer that the program is well.
 */
import { Worker } from 'node:worker_threads'
import { ApiError, type ApiErrorType } from './api-error.ts'
import type { Settings } from './command-line.ts'
import type { ApiRequest } from './served-model.ts'

/** To the thread. */
export type Ask = { readonly id: number; readonly route: string; readonly request: ApiRequest }

/** From the thread: once what it is, then an answer for each request. */
export type Told =
  | {
      readonly kind: 'open'
      readonly says: string
      readonly info: object
      readonly routes: readonly string[]
    }
  | { readonly kind: 'closed'; readonly reason: string }
  | {
      readonly kind: 'answer'
      readonly id: number
      readonly json: string
      readonly headers: Readonly<Record<string, string>>
    }
  | { readonly kind: 'refusal'; readonly id: number; readonly type: ApiErrorType; readonly message: string }

export type JsonAnswer = { readonly json: string; readonly headers: Readonly<Record<string, string>> }

type Asked = { readonly give: (answer: JsonAnswer) => void; readonly refuse: (error: Error) => void }

export class ModelThread {
  readonly says: string
  readonly info: object
  readonly #routes: ReadonlySet<string>
  readonly #worker: Worker
  readonly #asked = new Map<number, Asked>()
  #lastId = 0

  private constructor(worker: Worker, { says, info, routes }: Extract<Told, { kind: 'open' }>) {
    this.says = says
    this.info = info
    this.#routes = new Set(routes)
    this.#worker = worker
    worker.on('message', (told: Told) => this.#told(told))
  }

  /** @throws Error that says why the model cannot be served. */
  static async open(settings: Settings, onCrash: (cause: Error) => void): Promise<ModelThread> {
    const worker = new Worker(new URL('./model-worker.ts', import.meta.url), { workerData: settings })
    const told = await new Promise<Told>((resolve, reject) => {
      worker.once('message', resolve).once('error', reject)
    })
    if (told.kind !== 'open')
      throw new Error(told.kind === 'closed' ? told.reason : 'the model answered unasked')
    worker.removeAllListeners('error').on('error', onCrash)
    return new ModelThread(worker, told)
  }

  hasRoute(route: string): boolean {
    return this.#routes.has(route)
  }

  /** @throws ApiError as the route refuses. */
  ask(route: string, request: ApiRequest): Promise<JsonAnswer> {
    const id = ++this.#lastId
    return new Promise((give, refuse) => {
      this.#asked.set(id, { give, refuse })
      this.#worker.postMessage({ id, route, request } satisfies Ask)
    })
  }

  #told(told: Told): void {
    if (told.kind !== 'answer' && told.kind !== 'refusal') return
    const asked = this.#asked.get(told.id)
    this.#asked.delete(told.id)
    if (told.kind === 'answer') asked?.give(told)
    else asked?.refuse(new ApiError(told.type, told.message))
  }
}
