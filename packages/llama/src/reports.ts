/** What the engine says about itself: models, properties, slots and metrics. */
import type { Engine } from './engine.ts'
import type { Exchange } from './exchange.ts'

const STARTED_AT_SECONDS = Math.floor(Date.now() / 1000)

export function answerModels({ settings, model, contextTokens }: Engine, exchange: Exchange): void {
  const { handle, facts } = model
  exchange.sendJson(200, {
    object: 'list',
    data: [
      {
        id: settings.alias,
        object: 'model',
        created: STARTED_AT_SECONDS,
        owned_by: 'llamacpp',
        meta: {
          vocab_type: handle.getVocabularyType(),
          n_vocab: facts.vocabularySize,
          n_ctx: contextTokens,
          n_ctx_train: facts.trainedContextTokens,
          n_embd: handle.getEmbeddingVectorSize(),
          n_params: handle.getTotalParameters(),
          size: handle.getTotalSize(),
        },
      },
    ],
  })
}

export function answerProps(
  { settings, model, chatPrompt, contextTokens }: Engine,
  exchange: Exchange,
): void {
  exchange.sendJson(200, {
    default_generation_settings: { n_ctx: contextTokens },
    total_slots: settings.slots,
    model_alias: settings.alias,
    model_path: settings.modelPath,
    modalities: { vision: false, audio: false },
    chat_template: chatPrompt.source,
    bos_token: model.textOf(model.handle.tokenBos()),
    eos_token: model.textOf(model.handle.tokenEos()),
    is_sleeping: false,
  })
}

export function answerSlots({ generator, contextTokens }: Engine, exchange: Exchange): void {
  const slots = (generator?.slots() ?? []).map((slot) => ({
    id: slot.id,
    id_task: slot.task,
    n_ctx: contextTokens,
    is_processing: slot.isProcessing,
    n_prompt_tokens: slot.promptTokens,
    n_prompt_tokens_processed: slot.promptTokensRead,
    n_prompt_tokens_cache: slot.cachedTokens,
    next_token: [
      {
        has_next_token: slot.isProcessing,
        n_remain: Number.isFinite(slot.tokensLeft) ? slot.tokensLeft : -1,
        n_decoded: slot.generatedTokens,
      },
    ],
  }))
  exchange.sendText('application/json; charset=utf-8', JSON.stringify(slots))
}

/** llama-server's names. Its speeds are averages since the last scrape; here over the engine's life, so that two scrapers do not disturb each other. */
export function answerMetrics({ generator, embedder }: Engine, exchange: Exchange): void {
  const work = generator ?? embedder
  const totals = {
    ...{ promptTokens: 0, cachedTokens: 0, promptMs: 0, generatedTokens: 0, generationMs: 0 },
    ...{ decodes: 0, busySlotDecodes: 0 },
    ...work?.totals,
  }
  const perSecond = (count: number, ms: number) => (ms > 0 ? (count * 1000) / ms : 0)
  const metrics: readonly (readonly [string, 'counter' | 'gauge', string, number])[] = [
    ['prompt_tokens_total', 'counter', 'Prompt tokens processed, without cached ones.', totals.promptTokens],
    ['prompt_tokens_cached_total', 'counter', 'Prompt tokens that a slot still knew.', totals.cachedTokens],
    ['prompt_seconds_total', 'counter', 'Time until the first token.', totals.promptMs / 1000],
    ['tokens_predicted_total', 'counter', 'Generation tokens processed.', totals.generatedTokens],
    ['tokens_predicted_seconds_total', 'counter', 'Time of generation.', totals.generationMs / 1000],
    ['n_decode_total', 'counter', 'Batches decoded.', totals.decodes],
    [
      'n_busy_slots_per_decode',
      'gauge',
      'Average of busy slots per batch.',
      totals.decodes > 0 ? totals.busySlotDecodes / totals.decodes : 0,
    ],
    [
      'prompt_tokens_seconds',
      'gauge',
      'Prompt tokens per second.',
      perSecond(totals.promptTokens, totals.promptMs),
    ],
    [
      'predicted_tokens_seconds',
      'gauge',
      'Generated tokens per second.',
      perSecond(totals.generatedTokens, totals.generationMs),
    ],
    ['requests_processing', 'gauge', 'Requests in a slot.', work?.processing ?? 0],
    ['requests_deferred', 'gauge', 'Requests that wait for a slot.', work?.waiting ?? 0],
  ]
  exchange.sendText(
    'text/plain; version=0.0.4',
    metrics
      .map(
        ([name, type, help, value]) =>
          `# HELP llamacpp:${name} ${help}\n# TYPE llamacpp:${name} ${type}\nllamacpp:${name} ${value}\n`,
      )
      .join(''),
  )
}
