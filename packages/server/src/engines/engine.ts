/**
 * The door to the engines room: what Berth knows about a model server.
 *
 * An engine is knowledge, not machinery: which models a server program accepts, how it is called, when it is
 * ready and how it ends. It turns a request into a launch plan that any runtime can carry out, so ten engines and
 * three runtimes are thirteen files and not thirty.
 */
import type { Image } from '@berth/contract'
import type { Adapter, RoutedAdapter } from '../domain/adapter.ts'
import type { ArtifactFile } from '../domain/artifact.ts'
import type { EngineMemory } from '../domain/fit/estimate-memory.ts'
import type { KvDtype } from '../domain/fit/model-shape.ts'
import type { Resources } from '../domain/instance-type.ts'
import type { LaunchPlan } from '../domain/launch-plan.ts'
import type { Intake } from '../domain/routing/intake.ts'
import type { Vitals } from '../domain/routing/vitals.ts'
import type { TaskTarget } from '../domain/tasks/task-route.ts'

/** What carries a launch plan out: a program on the machine itself, or a container from an image. */
export type RuntimeKind = 'process' | 'container'

export interface Engine {
  readonly name: string
  /** Where its launch plans can be carried out. */
  readonly runtimes: readonly RuntimeKind[]
  /** The image variants that ask for this engine. */
  readonly variants: readonly string[]

  /** Why this engine cannot serve `model`, worded for a person, or `undefined` if it can. */
  refusal(model: ModelFacts): string | undefined

  /**
   * Which of the repository's files it needs, and the settings with everything chosen that was left open.
   * @throws PlatformError `invalid` when no file fits what was asked.
   */
  resolve(model: ModelFacts, image: Image): { readonly files: readonly string[]; readonly image: Image }

  launch(request: LaunchRequest): LaunchPlan

  /** What it does to a device's memory; undefined where nobody can know: somebody else's program. */
  readonly sizing?: Sizing

  readonly health: {
    readonly route: string
    /** A start that takes longer has failed; grows with the weights. */
    startTimeoutMs(weightBytes: number): number
  }

  /** What it can do for a caller, given a model that can. */
  readonly capabilities: readonly Capability[]

  /** How a replica that was launched so likes to be given requests. */
  intake(launched: Pick<LaunchRequest, 'image' | 'args'>): Intake

  /** What it can be asked while it says nothing, or `undefined` if no question is known to be cheap for it. */
  vitals(launched: Pick<LaunchRequest, 'image' | 'servedName'>): Vitals | undefined

  /** What it has in place of routes for task calls, or `undefined` if it answers all of them itself, or none. */
  tasks?(launched: Pick<LaunchRequest, 'image' | 'args' | 'servedName'> & AskedTask): TaskTarget

  /** How it serves adapters; absent where it serves a model alone. */
  readonly adapters?: AdapterSupport

  /** How long the engine is given between SIGTERM and SIGKILL, once no request runs on it. */
  readonly stopGraceMs: number
}

/** What the endpoint is for, where anybody said. */
export type AskedTask = { readonly task: string | null }

export type Capability =
  | 'chat'
  | 'embeddings'
  | 'rerank'
  | 'classification'
  /** Pictures in a chat. */
  | 'vision'
  | 'tools'
  /** Adapters beside one model. */
  | 'lora'
  /** It can give memory back while nobody asks, and stay. */
  | 'sleep'
  /** Whatever transformers' pipelines and a handler of the repository do. */
  | 'pipelines'

export type AdapterSupport = {
  /**
   * Which files of an adapter's repository it reads.
   * @throws PlatformError `invalid` when they are not there.
   */
  files(adapter: ModelFacts): readonly string[]
  /** What makes a request one for the adapter. @param place its number among those of the replica, from 0. */
  members(adapter: Pick<Adapter, 'name' | 'hash'>, place: number): RoutedAdapter['members']
}

/** An adapter as a replica is started with it. */
export type LaunchedAdapter = {
  readonly id: string
  readonly rank: number | undefined
  /** Where the runtime will have put its files, as a placeholder. */
  readonly path: string
  readonly files: readonly string[]
}

/** How settings and memory belong together. */
export type Sizing = {
  memory(gpus: number): EngineMemory
  /**
   * What settings, with every one chosen that was left open, provide room for. `contextTokens` undefined is as much as
   * the model was trained for.
   */
  room(settings: { readonly image: Image; readonly args: readonly string[] }): Room
  /** The settings that provide exactly that room, beside what was asked. */
  settle(image: Image, room: Required<Room>): { readonly image: Image; readonly args: readonly string[] }
}

export type Room = {
  /** Prompt and answer of one request. */
  readonly contextTokens: number | undefined
  /** Requests of that length at the same time. */
  readonly concurrency: number
  readonly kvDtype: KvDtype
}

export type ModelFacts = {
  readonly repository: string
  readonly files: readonly ArtifactFile[]
}

export type LaunchRequest = {
  readonly image: Image
  /** The name that clients put in the `model` field: `namespace/name`. */
  readonly servedName: string
  readonly resources: Resources
  readonly adapters?: readonly LaunchedAdapter[]
  /** Replaces the engine's own command when not empty. */
  readonly command: readonly string[]
  /** Passed on untouched, after ours, so that the last word is the user's. */
  readonly args: readonly string[]
  /** Only the gateway knows it: the engine refuses requests without it. */
  readonly apiKey: string
}
