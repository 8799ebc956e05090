/**
 * The endpoint as the server keeps it: what is wanted, by whom, and every revision of it.
 *
 * `EndpointSpec` is the contract's `Endpoint` after acceptance: defaults filled in, older words replaced, secret
 * values taken out. What is observed (replicas, status) lives elsewhere and has other writers.
 */
import type { Actor, Compute, Endpoint, Image, Scaling } from '@berth/contract'
import type { AdapterWish } from './adapter.ts'
import type { Artifact } from './artifact.ts'
import type { EndpointId } from './replica.ts'

export type EndpointSpec = Omit<Endpoint, 'compute' | 'model' | 'type'> & {
  readonly type: 'public' | 'authenticated' | 'private'
  readonly compute: Omit<Compute, 'scaling'> & { readonly id: string; readonly scaling: Scaling }
  readonly model: {
    readonly repository: string
    /** The pinned commit; null for what has no commits (a local directory). */
    readonly revision: string | null
    readonly framework: string
    readonly task: string | null
    readonly image: Image
    readonly args: readonly string[]
    readonly command: readonly string[]
    readonly env: Readonly<Record<string, string>>
    readonly adapters?: Readonly<Record<string, AdapterWish>> | undefined
    /** Names only; the values are in the secret store. */
    readonly secretNames: readonly string[]
  }
  readonly tags: readonly string[]
}

export type EndpointRecord = {
  readonly id: EndpointId
  readonly namespace: string
  readonly spec: EndpointSpec
  /** A person stopped it. */
  readonly paused: boolean
  /** The number of the newest revision. */
  readonly generation: number
  /** Grows with every write; a writer names the one it read. */
  readonly version: number
  readonly createdAt: number
  readonly createdBy: Actor
  readonly updatedAt: number
  readonly updatedBy: Actor
}

/** One accepted change: the whole configuration as it was from then on. Never altered. */
export type Revision = {
  readonly endpointId: EndpointId
  /** 1, 2, 3, … within the endpoint. */
  readonly number: number
  /**
   * The revision whose replicas serve this one. A change that replicas would not notice (scaling, access, tags)
   * runs the replicas of the revision before it.
   */
  readonly runs: number
  readonly spec: EndpointSpec
  /** Which engine serves it, with every setting that was left open chosen, and from which pinned files. */
  readonly engine: string
  readonly image: Image
  readonly artifact: Artifact
  /**
   * The content that its containers run, as it was when the first of them was made: `repository@sha256:…`, or the
   * image's id where no registry knows it. Absent before that, and for processes.
   */
  readonly imageDigest?: string
  readonly createdAt: number
  readonly createdBy: Actor
}

/** How many replicas the autoscaler wants, and why. */
export type ScaleTarget = {
  readonly endpointId: EndpointId
  readonly count: number
  /** For a person: "a request arrived", "no request for 900 seconds". */
  readonly reason: string
  readonly at: number
  /** A person asked for zero: it lasts until a request, whatever the minimum is. */
  readonly isAskedSleep?: boolean
}

/** Answers to requests that have one right answer may be given again. */
export const cachesAnswers = ({ cacheHttpResponses, experimentalFeatures }: EndpointSpec): boolean =>
  cacheHttpResponses ?? experimentalFeatures?.cacheHttpResponses ?? false

/** `namespace/name`, as people and URLs write it. */
export function endpointKey(endpoint: {
  readonly namespace: string
  readonly spec: { readonly name: string }
}): string {
  return `${endpoint.namespace}/${endpoint.spec.name}`
}

/**
 * How many replicas there should be: the autoscaler's target within the bounds, none while paused. A target of
 * zero holds whatever the minimum is: somebody asked for it, and the next request ends it. An endpoint without a
 * target yet starts one replica at least, so that a new endpoint shows that it works.
 */
export function wantedReplicas(
  endpoint: Pick<EndpointRecord, 'paused' | 'spec'>,
  target: ScaleTarget | undefined,
): number {
  if (endpoint.paused || target?.count === 0) return 0
  const { minReplica, maxReplica } = endpoint.spec.compute.scaling
  return Math.min(Math.max(target?.count ?? 1, minReplica), maxReplica)
}
