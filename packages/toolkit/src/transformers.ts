/** transformers.js, set up for a model on this machine: nothing is fetched from anywhere. */
import path from 'node:path'
import { env, LogLevel } from '@huggingface/transformers'
import type { Settings } from './command-line.ts'
import type { Repository } from './repository.ts'

/** What every loader of transformers.js is called with for this model. */
export type Loading = {
  readonly id: string
  readonly options: {
    readonly local_files_only: true
    readonly device: 'cpu'
    readonly dtype: Repository['dtype']
    readonly subfolder: string
    readonly session_options: { readonly intraOpNumThreads: number; readonly interOpNumThreads: number }
  }
}

export function loadingOf(repository: Repository, { threads }: Settings): Loading {
  const directory = path.resolve(repository.directory)
  env.allowRemoteModels = false
  env.localModelPath = path.dirname(directory)
  env.useFSCache = false
  env.logLevel = LogLevel.ERROR
  return {
    id: path.basename(directory),
    options: {
      local_files_only: true,
      device: 'cpu',
      dtype: repository.dtype,
      subfolder: repository.subfolder,
      session_options: { intraOpNumThreads: threads, interOpNumThreads: 1 },
    },
  }
}
