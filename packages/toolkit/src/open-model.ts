/** Opens what the command line asks for. */
import type { Settings } from './command-line.ts'
import { readRepository } from './repository.ts'
import type { ServedModel } from './served-model.ts'

/** @throws Error that says why the model cannot be served. */
export async function openModel(settings: Settings): Promise<ServedModel> {
  const repository = await readRepository(settings.modelDirectory, settings.task)
  // Each loads only what it needs.
  if (settings.api === 'toolkit') {
    const { openPipeline } = await import('./pipeline-model.ts')
    return openPipeline(repository, settings)
  }
  const { openTei } = await import('./tei-model.ts')
  return openTei(repository, settings)
}
