/** All engines of this installation, and the judgement which of them serves a model. */
import { type Image, type ImageVariant, variantOf } from '@berth/contract'
import { PlatformError } from '../domain/errors.ts'
import { createEcho } from './echo.ts'
import type { Engine, ModelFacts } from './engine.ts'
import { createLlamacpp, type LlamacppOptions } from './llamacpp.ts'

export type EngineRefusal = { readonly engine: string; readonly reason: string }

export type ChosenEngine = {
  readonly engine: Engine
  /** The engines that were passed over, and why. */
  readonly refusals: readonly EngineRefusal[]
}

export function createEngines(options: LlamacppOptions): readonly Engine[] {
  return [createLlamacpp(options), createEcho(options)]
}

const DOCKER = 'the Docker runtime, which this installation does not have'
const NEURON = 'AWS Neuron hardware and the Docker runtime, which this installation does not have'

/** What an engine that is not among ours would need. */
const NEEDS: Readonly<Partial<Record<ImageVariant, string>>> = {
  huggingfaceNeuron: NEURON,
  vLLM: DOCKER,
  vLLMNeuron: NEURON,
  vLLMOmni: DOCKER,
  sGLang: DOCKER,
  tgi: DOCKER,
  tgiNeuron: NEURON,
  tei: DOCKER,
  hfServe: DOCKER,
  custom: DOCKER,
}

/**
 * The engine that an image asks for. `huggingface` leaves the choice to us: the first engine that does not refuse
 * the model, in the order of `engines`; the rehearsal engine only serves those who ask for it by name.
 *
 * @throws PlatformError `invalid` when no engine of this installation can serve the model, with every reason.
 */
export function chooseEngine(engines: readonly Engine[], image: Image, model: ModelFacts): ChosenEngine {
  const { name: variant } = variantOf(image)
  const candidates = engines.filter((engine) => engine.variants.includes(variant))
  if (candidates.length === 0) throw notInstalled(variant, engines)

  const refusals: EngineRefusal[] = []
  for (const engine of candidates) {
    const reason = engine.refusal(model)
    if (reason === undefined) return { engine, refusals }
    refusals.push({ engine: engine.name, reason })
  }
  throw new PlatformError(
    'invalid',
    refusals.length === 1
      ? refusals[0]!.reason
      : `No engine can serve "${model.repository}". ${refusals.map(({ engine, reason }) => `${engine}: ${reason}`).join(' ')}`,
    { field: 'model.repository', reason: 'no_engine' },
  )
}

function notInstalled(variant: ImageVariant, engines: readonly Engine[]): PlatformError {
  const here = [...new Set(engines.flatMap((engine) => engine.variants))].join(', ')
  const needs = NEEDS[variant] ?? 'an engine that this installation does not have'
  return new PlatformError('invalid', `The engine "${variant}" needs ${needs}. Available here: ${here}.`, {
    field: `model.image.${variant}`,
    reason: 'engine_not_installed',
  })
}
