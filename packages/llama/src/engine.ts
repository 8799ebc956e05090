/** What a ready engine is made of. Opening it is the slow part of a start; the HTTP server listens before. */
import { ApiError } from './api-error.ts'
import { ChatPrompt } from './chat-prompt.ts'
import type { EngineSettings } from './command-line.ts'
import { Embedder } from './embedder.ts'
import { Generator } from './generator.ts'
import { Model } from './model.ts'
import { loadNative } from './native.ts'

export class Engine {
  readonly settings: EngineSettings
  readonly model: Model
  readonly chatPrompt: ChatPrompt
  readonly generator: Generator | undefined
  readonly embedder: Embedder | undefined

  private constructor(
    settings: EngineSettings,
    model: Model,
    work: { readonly generator?: Generator; readonly embedder?: Embedder },
  ) {
    this.settings = settings
    this.model = model
    this.chatPrompt = new ChatPrompt(model)
    this.generator = work.generator
    this.embedder = work.embedder
  }

  static async open(settings: EngineSettings, onNativeError: (line: string) => void): Promise<Engine> {
    const native = await loadNative(settings.gpuLayers > 0, onNativeError)
    const model = await Model.load(native, settings.modelPath, settings.gpuLayers)
    // A model that reads in both directions cannot generate, whatever it was asked for.
    const work =
      settings.embeddings || model.facts.isEncoder
        ? { embedder: await Embedder.open(model, settings) }
        : { generator: await Generator.open(model, settings) }
    return new Engine(settings, model, work)
  }

  requireGenerator(): Generator {
    if (this.generator) return this.generator
    throw new ApiError(
      'not_supported_error',
      'This server computes embeddings. Start it without `--embeddings`',
    )
  }

  requireEmbedder(): Embedder {
    if (this.embedder) return this.embedder
    throw new ApiError(
      'not_supported_error',
      'This server does not support embeddings. Start it with `--embeddings`',
    )
  }

  /** Tokens that one request may use. */
  get contextTokens(): number {
    return this.generator?.slotContextTokens ?? this.embedder?.contextTokens ?? 0
  }
}
