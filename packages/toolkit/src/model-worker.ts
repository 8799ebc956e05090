/** The thread of `model-thread.ts`: opens the model, answers what it is asked. */
import { parentPort, workerData } from 'node:worker_threads'
import { ApiError } from './api-error.ts'
import type { Settings } from './command-line.ts'
import type { Ask, Told } from './model-thread.ts'
import { openModel } from './open-model.ts'
import type { ServedModel } from './served-model.ts'

const tell = (told: Told) => parentPort!.postMessage(told)

try {
  const model = await openModel(workerData as Settings)
  parentPort!.on('message', (ask: Ask) => void answer(model, ask))
  tell({ kind: 'open', says: model.says, info: model.info(), routes: [...model.routes.keys()] })
} catch (cause) {
  tell({ kind: 'closed', reason: (cause as Error).message })
}

async function answer(model: ServedModel, { id, route, request }: Ask): Promise<void> {
  try {
    const { body, headers = {} } = await model.routes.get(route)!({
      contentType: request.contentType,
      // A Buffer arrives as the bytes that it was.
      body: Buffer.from(request.body.buffer, request.body.byteOffset, request.body.byteLength),
    })
    tell({ kind: 'answer', id, json: JSON.stringify(body), headers })
  } catch (cause) {
    const isOurs = cause instanceof ApiError
    const message = (cause as Error).message
    tell({
      kind: 'refusal',
      id,
      type: isOurs ? cause.type : 'Backend',
      message: isOurs ? message : `the model failed: ${message}`,
    })
  }
}
