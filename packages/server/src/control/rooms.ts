/** What control needs from the rest of the server, and no more. The main file provides it. */

import type { Image } from '@berth/contract'
import type { ModelStore } from '../artifacts/model-store.ts'
import type { RouterSpec } from '../domain/custom-router.ts'
import type { EndpointRecord } from '../domain/endpoint.ts'
import type { EndpointId } from '../domain/replica.ts'
import type { Engine, ModelFacts } from '../engines/engine.ts'
import type { Clock } from '../platform/clock.ts'
import type { RuntimeDriver } from '../runtime/driver.ts'
import type { Store } from '../store/store.ts'

export type ControlRooms = {
  readonly clock: Clock
  readonly store: Store
  readonly models: ModelStore
  readonly driver: RuntimeDriver
  /** The engine for what was asked. @throws PlatformError `invalid` with every engine's refusal. */
  chooseEngine(image: Image, model: ModelFacts, wish: EngineWish): ChosenEngine
  /** The same among all engines that Berth knows, whatever this installation can run. */
  chooseAnyEngine(image: Image, model: ModelFacts, wish: EngineWish): ChosenEngine
  /** What of a repository is worth a word before it is served. */
  contents(model: ModelFacts): RepositoryContents
  /** As it is on one of the runtimes, or on any. */
  engine(name: string, runtime: string | undefined): Engine | undefined
  /** What of it the engine keeps for itself: the field, and why it cannot be set. */
  reservedSetting(
    engine: string,
    settings: EngineSettings,
  ): { readonly field: string; readonly message: string } | undefined
  /** Look at the endpoint soon. */
  hint(id: EndpointId): void
  /** Earlier failures do not count any more. */
  forgive(id: EndpointId): Promise<void>
  /** Sets the scale target: the autoscaler's fact, so the autoscaler writes it. */
  readonly scale: {
    start(store: Store, endpoint: EndpointRecord, reason: string): Promise<void>
    sleep(store: Store, endpoint: EndpointRecord, reason: string): Promise<void>
  }
  /** Where the endpoint answers. */
  url(namespace: string, name: string): string
  /** @param runtime of the replicas. @throws PlatformError `invalid` for a router that cannot be started there. */
  refuseMissingRouter(router: RouterSpec, runtime: string): Promise<void>
  readonly hubToken: string | undefined
}

export type EngineWish = {
  readonly task?: string
  readonly gpus: number
  /** Of the instance type, where there are several. */
  readonly runtime: string | undefined
}

export type ChosenEngine = {
  readonly engine: Engine
  readonly refusals: readonly { readonly engine: string; readonly reason: string }[]
}

export type RepositoryContents = {
  readonly ggufs: readonly {
    readonly files: readonly [string, ...string[]]
    readonly quantisation: string | undefined
    readonly sizeBytes: number
  }[]
  /** Only the difference to another model, of no use without it. */
  readonly isAdapter: boolean
  readonly handler: string | undefined
  readonly requirements: string | undefined
}

export type EngineSettings = {
  readonly env: readonly string[]
  readonly args: readonly string[]
  readonly command: readonly string[]
}
