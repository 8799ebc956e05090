/** The engines of an installation, as they are on each of its runtimes. */
import { type Image, variantOf } from '@berth/contract'
import { PlatformError } from '../domain/errors.ts'
import type { Circumstances } from './automatic-choice.ts'
import type { Engine, ModelFacts, RuntimeKind } from './engine.ts'
import { type ChosenEngine, chooseEngine, createEngines, type EnginesOptions } from './engines.ts'

/** How each runtime carries out a launch plan. */
export const RUNTIME_KINDS = { process: 'process', docker: 'container' } as const satisfies Readonly<
  Record<string, RuntimeKind>
>
export type RuntimeName = keyof typeof RUNTIME_KINDS

export class EngineRoster {
  readonly #engines: ReadonlyMap<string, readonly Engine[]>

  /** @param runtimes the first is taken where none is named. */
  constructor(runtimes: readonly RuntimeName[], options: Omit<EnginesOptions, 'runtimes'>) {
    this.#engines = new Map(
      runtimes.map((name) => [name, createEngines({ ...options, runtimes: [RUNTIME_KINDS[name]] })]),
    )
  }

  /** As it is on `runtime`, or on any. */
  engine(name: string, runtime: string | undefined): Engine | undefined {
    return this.#on(runtime).find((engine) => engine.name === name)
  }

  /** @throws PlatformError `invalid` when no engine there can serve the model, with every reason. */
  choose(
    image: Image,
    model: ModelFacts,
    { runtime = this.#first(), ...circumstances }: Circumstances & { readonly runtime: string | undefined },
  ): ChosenEngine {
    const { name: variant } = variantOf(image)
    const has = (engines: readonly Engine[]) => engines.some(({ variants }) => variants.includes(variant))
    const here = this.#on(runtime)
    const elsewhere = [...this.#engines].filter(([, engines]) => has(engines)).map(([name]) => name)
    if (has(here) || elsewhere.length === 0) return chooseEngine(here, image, model, circumstances)
    throw new PlatformError(
      'invalid',
      `The engine "${variant}" runs on the runtime "${elsewhere.join('" and "')}", and this hardware belongs to "${runtime}". Choose an instance type of the other: see \`berth hardware\`.`,
      { field: 'compute.instanceType', reason: 'engine_not_installed' },
    )
  }

  #first(): string | undefined {
    return [...this.#engines.keys()][0]
  }

  #on(runtime: string | undefined): readonly Engine[] {
    return runtime === undefined ? [...this.#engines.values()].flat() : (this.#engines.get(runtime) ?? [])
  }
}
