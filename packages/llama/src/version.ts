/** The versions that answer to "which engine is this?". */
import manifest from '../package.json' with { type: 'json' }
import { llamaCppRelease } from './native.ts'

export const engineVersion = (): string => `berth-llama ${manifest.version} (llama.cpp ${llamaCppRelease()})`
