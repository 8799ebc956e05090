/** All engines of this installation, and the judgement which of them serves a model. */
import { type Image, type ImageVariant, variantOf } from '@berth/contract'
import { PlatformError } from '../domain/errors.ts'
import { automaticRefusal, type Circumstances } from './automatic-choice.ts'
import { ggufsOf } from './choose-gguf.ts'
import { createCustom } from './custom.ts'
import { createEcho } from './echo.ts'
import type { Engine, ModelFacts, RuntimeKind } from './engine.ts'
import { createLlamacpp, type LlamacppOptions } from './llamacpp.ts'
import { createOnnxTei, createOnnxToolkit } from './onnx.ts'
import { INSTALL_COMMAND } from './onnx-program.ts'
import { contentsOf } from './repository-contents.ts'
import { createSglang } from './sglang.ts'
import { createTei } from './tei.ts'
import { createTgi } from './tgi.ts'
import { createToolkit } from './toolkit.ts'
import { createVllm } from './vllm.ts'

export type EngineRefusal = { readonly engine: string; readonly reason: string }

export type ChosenEngine = {
  readonly engine: Engine
  /** The engines that were passed over, and why. */
  readonly refusals: readonly EngineRefusal[]
}

export type EnginesOptions = Omit<LlamacppOptions, 'runtime'> & {
  /** What this installation can run. Without it: programs on the machine itself. */
  readonly runtimes?: readonly RuntimeKind[]
  /** What serves ONNX models where no container runs. */
  readonly onnxProgram?: string | undefined
  /** The program `vllm` of the machine itself, where it has one. */
  readonly vllmProgram?: string | undefined
}

/** The engines whose plans the installation's runtimes can carry out, in the order in which Berth prefers them. */
export function createEngines({
  runtimes = ['process'],
  onnxProgram,
  vllmProgram,
  ...options
}: EnginesOptions): readonly Engine[] {
  // With both, llama.cpp runs as a program of the machine: its weights are then shared between replicas.
  const runtime = runtimes.includes('process') ? 'process' : 'container'
  const onnx =
    onnxProgram === undefined || runtimes.includes('container')
      ? undefined
      : { program: onnxProgram, compileCacheDirectory: options.compileCacheDirectory }
  const vllm = { program: vllmProgram, cacheDirectory: options.compileCacheDirectory }
  return [
    createLlamacpp({ ...options, runtime }),
    onnx ? createOnnxTei(onnx) : createTei(),
    createVllm(runtime === 'process' ? vllm : {}),
    onnx ? createOnnxToolkit(onnx) : createToolkit(),
    createSglang(),
    createTgi(),
    createCustom(),
    createEcho({ ...options, runtime }),
  ].filter((engine) => engine.runtimes.some((kind) => runtimes.includes(kind)))
}

/** All engines that Berth knows, as the makers ship them: for plans, not for starting anything. */
export function everyEngine(): readonly Engine[] {
  return createEngines({
    server: undefined,
    compileCacheDirectory: undefined,
    runtimes: ['process', 'container'],
  })
}

/** What of a repository is worth a word before it is served: its GGUF models, and code of its own. */
export function repositoryContents({ files }: ModelFacts) {
  const { handler, requirements, isAdapter } = contentsOf(files)
  return { ggufs: ggufsOf(files), isAdapter, handler, requirements }
}

const DOCKER = 'the Docker runtime, which this installation does not have'
const NEURON = 'AWS Neuron hardware, for which Berth has no engine'
const UNKNOWN = 'an engine that Berth does not have'

/** What an engine that is not among ours would need. */
const NEEDS: Readonly<Partial<Record<ImageVariant, string>>> = {
  huggingfaceNeuron: NEURON,
  vLLM: 'a program of this machine that BERTH_VLLM names, or the Docker runtime',
  vLLMNeuron: NEURON,
  vLLMOmni: `${UNKNOWN}; the "custom" variant runs its image`,
  sGLang: DOCKER,
  tgi: DOCKER,
  tgiNeuron: NEURON,
  tei: `its program, which \`${INSTALL_COMMAND}\` installs, or the Docker runtime`,
  hfServe: `${UNKNOWN}; the "custom" variant runs its image`,
  custom: DOCKER,
}

/**
 * The engine that an image asks for. `huggingface` leaves the choice to us: the first engine that does not refuse
 * the model, in the order of `engines`, and that a colleague who knows them would have taken; the rehearsal engine
 * only serves those who ask for it by name.
 *
 * @throws PlatformError `invalid` when no engine of this installation can serve the model, with every reason.
 */
export function chooseEngine(
  engines: readonly Engine[],
  image: Image,
  model: ModelFacts,
  circumstances: Circumstances = {},
): ChosenEngine {
  const { name: variant } = variantOf(image)
  const candidates = engines.filter((engine) => engine.variants.includes(variant))
  if (candidates.length === 0) throw notInstalled(variant, engines)

  const refusals: EngineRefusal[] = []
  for (const engine of candidates) {
    const reason =
      engine.refusal(model) ??
      (variant === 'huggingface' ? automaticRefusal(engine, model, circumstances, candidates) : undefined)
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
  const needs = NEEDS[variant] ?? UNKNOWN
  return new PlatformError('invalid', `The engine "${variant}" needs ${needs}. Available here: ${here}.`, {
    field: `model.image.${variant}`,
    reason: 'engine_not_installed',
  })
}
