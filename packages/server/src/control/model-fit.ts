/**
 * How much memory a model takes with these settings, held against hardware. What cannot be known is left out: an
 * estimate that is missing refuses nobody.
 */
import type { Image } from '@berth/contract'
import type { RepositoryCard, WeighedModel } from '../artifacts/model-store.ts'
import { type Fit, hardwareOf, judgeFit } from '../domain/fit/judge-fit.ts'
import type { ModelShape } from '../domain/fit/model-shape.ts'
import { shapeFromConfig, shapeFromGguf } from '../domain/fit/read-shape.ts'
import type { InstanceType } from '../domain/instance-type.ts'
import type { Room, Sizing } from '../engines/engine.ts'

/** What a request may be where the model does not say. */
const UNKNOWN_CONTEXT_TOKENS = 4_096

/** The shape of a model, as far as its files say. A model without attention is its weights alone. */
export function shapeOf(
  card: Pick<RepositoryCard, 'config'>,
  weighed: WeighedModel | undefined,
  dtype?: string,
): ModelShape | undefined {
  if (!weighed) return undefined
  const { bytes, parameters } = weighed
  const weights = { bytes, parameters, dtype: dtype ?? weighed.dtype }
  const shape = weighed.gguf ? shapeFromGguf(weighed.gguf, weights) : shapeFromConfig(card.config, weights)
  const alone = {
    weightBytes: bytes,
    parameters,
    attention: [],
    maxContextTokens: undefined,
    vocabulary: undefined,
    width: undefined,
    dtype: weights.dtype,
  }
  return shape ?? alone
}

/** The room that is asked for, else what the settings provide; never more than the model can read. */
export function roomFor(
  sizing: Sizing,
  shape: ModelShape | undefined,
  settings: { readonly image: Image; readonly args: readonly string[] },
  asked: Partial<Room> = {},
): Required<Room> & { readonly contextTokens: number } {
  const provided = sizing.room(settings)
  const most = shape?.maxContextTokens
  const tokens = asked.contextTokens ?? provided.contextTokens ?? most ?? UNKNOWN_CONTEXT_TOKENS
  return {
    contextTokens: asked.contextTokens ?? Math.min(tokens, most ?? tokens),
    concurrency: asked.concurrency ?? provided.concurrency,
    kvDtype: asked.kvDtype ?? provided.kvDtype,
  }
}

export function fitOn(
  instance: InstanceType,
  sizing: Sizing,
  shape: ModelShape,
  room: Required<Room> & { readonly contextTokens: number },
): Fit {
  return judgeFit(shape, room, sizing.memory(instance.gpus), hardwareOf(instance))
}
