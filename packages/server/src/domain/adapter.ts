/**
 * A LoRA adapter: a small difference to a model, served beside it.
 *
 * Its name is what callers say, its content is what it is: the engine is told a name made of both, so that a changed
 * adapter under an old name is another one, for the engine, for its caches, and for whoever reads which one answered.
 */
import type { Artifact } from './artifact.ts'

export type Adapter = {
  readonly name: string
  /** SHA-256 of its files, in hexadecimal. */
  readonly hash: string
  /** The size of its matrices; undefined where its files do not say. */
  readonly rank: number | undefined
  readonly artifact: Artifact
}

/** As it was asked for. */
export type AdapterWish = { readonly repository: string; readonly revision?: string | null | undefined }

/** One adapter of one replica, as its gateway needs to know it. */
export type RoutedAdapter = {
  readonly hash: string
  /** What is put into the body of a request for it, in place of what is there. */
  readonly members: Readonly<Record<string, unknown>>
}

const HASH_CHARACTERS = 12

/** What the engine calls it. */
export const adapterId = ({ name, hash }: Pick<Adapter, 'name' | 'hash'>): string =>
  `${name}-${hash.slice(0, HASH_CHARACTERS)}`

/** A model's name with an adapter behind the colon: `namespace/endpoint:adapter`. */
export function adapterIn(model: string): { readonly model: string; readonly adapter: string | undefined } {
  const colon = model.indexOf(':', model.lastIndexOf('/') + 1)
  return colon === -1
    ? { model, adapter: undefined }
    : { model: model.slice(0, colon), adapter: model.slice(colon + 1) }
}
