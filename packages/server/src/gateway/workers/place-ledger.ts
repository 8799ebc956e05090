/**
 * Who is inside limits on requests at a time, as the worker counts that keeps a limit: what the others say that they have
 * inside, and the places that they were given and cannot have counted yet. Pure.
 *
 * A worker says in one breath what it has inside and which answer it read last; until it has read the one that gave it a
 * place, the place counts here.
 */
import { hash } from 'node:crypto'

export class PlaceLedger {
  /** By worker and limit: the numbers of its questions that were answered with a place. */
  readonly #given = new Map<string, Map<string, readonly number[]>>()
  readonly #said = new Map<string, Map<string, number>>()

  /** @param inside as the worker says now. */
  says(from: string, key: string, inside: number): void {
    const ofWorker = this.#said.get(from) ?? new Map<string, number>()
    this.#said.set(from, ofWorker)
    if (inside > 0) ofWorker.set(key, inside)
    else ofWorker.delete(key)
  }

  give(to: string, key: string, question: number): void {
    const ofWorker = this.#given.get(to) ?? new Map<string, readonly number[]>()
    this.#given.set(to, ofWorker)
    ofWorker.set(key, [...(ofWorker.get(key) ?? []), question])
  }

  /** It has read all answers up to that question, and counts in what it says of these limits what they gave it. */
  hasRead(from: string, question: number, keys: Iterable<string>): void {
    const given = this.#given.get(from)
    if (!given) return
    for (const key of keys) {
      const left = given.get(key)?.filter((number) => number > question) ?? []
      if (left.length > 0) given.set(key, left)
      else given.delete(key)
    }
  }

  /** Limits of which it was given places that it has not said. */
  owedBy(worker: string): readonly string[] {
    return [...(this.#given.get(worker)?.keys() ?? [])]
  }

  /** What it has inside, as far as can be known: never less than it has. */
  inside(worker: string, key: string): number {
    return (this.#said.get(worker)?.get(key) ?? 0) + (this.#given.get(worker)?.get(key)?.length ?? 0)
  }

  forget(worker: string): void {
    this.#given.delete(worker)
    this.#said.delete(worker)
  }
}

/** Which of the workers keeps a limit: the same for all who know the same workers, and for few another when one comes or goes. */
export function keeperOf(key: string, workers: Iterable<string>): string {
  let keeper = ''
  let highest = ''
  for (const worker of workers) {
    const weight = hash('sha256', `${worker} ${key}`, 'hex')
    if (weight <= highest) continue
    highest = weight
    keeper = worker
  }
  return keeper
}
