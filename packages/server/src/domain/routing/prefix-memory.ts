/**
 * Which replica has read which beginnings of prompts, in memory that is bounded by bytes.
 *
 * Laid out like a processor's cache: a key can only be in one bucket of eight entries, and when that is full the
 * entry that was unused for the longest leaves. That keeps it flat arrays without chains, tombstones or a list of
 * ages. It grows while it may, so that an endpoint pays for what it uses. It believes that replicas forget nothing;
 * what they did forget costs a detour, which the choice bounds.
 */
import type { Prompt } from './prompt.ts'

const WAYS = 8
const FIRST_BUCKETS = 64
const KEY_BYTES = 8
const STAMP_BYTES = 4
const WORD_BYTES = 4
const WORD_BITS = 32
const LAST_STAMP = 2 ** 32 - 1
const EMPTY = 0
const NOT_FOUND = -1

/** The smallest memory there is, for up to 32 replicas. */
export const LEAST_PREFIX_BYTES = FIRST_BUCKETS * WAYS * (KEY_BYTES + STAMP_BYTES + WORD_BYTES)

export class PrefixMemory {
  #maxBytes: number
  #keys = new Float64Array(FIRST_BUCKETS * WAYS)
  /** When an entry was last used, as a count of uses. */
  #stamps = new Uint32Array(FIRST_BUCKETS * WAYS)
  /** For each entry a bit for every slot, `#words` numbers of 32. */
  #holders = new Uint32Array(FIRST_BUCKETS * WAYS)
  #buckets = FIRST_BUCKETS
  #words = 1
  #stamp = 0
  /** The slots that hold everything so far, while a prompt is matched. */
  #alive = new Uint32Array(1)

  /** @param maxBytes never used beyond, except that `LEAST_PREFIX_BYTES` for each 32 slots are always there. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#keys.byteLength + this.#stamps.byteLength + this.#holders.byteLength
  }

  /** Makes room for slots 0 to `slots - 1` within `maxBytes`; keeps what fits. */
  resize(slots: number, maxBytes: number): void {
    this.#maxBytes = maxBytes
    const words = Math.max(1, Math.ceil(slots / WORD_BITS))
    let buckets = this.#buckets
    while (buckets > FIRST_BUCKETS && bytesOf(buckets, words) > maxBytes) buckets /= 2
    if (buckets !== this.#buckets || words !== this.#words) this.#rebuild(buckets, words)
  }

  /** Writes into `units[slot]` how much of the prompt's beginning each slot has read. */
  match(prompt: Prompt, units: Float64Array): void {
    const { keys, ends } = prompt
    const alive = this.#alive.fill(LAST_STAMP)
    const stamp = this.#nextStamp()
    units.fill(0)
    let matched = 0
    for (; matched < keys.length; matched++) {
      const at = this.#find(keys[matched]!)
      if (at === NOT_FOUND) break
      this.#stamps[at] = stamp
      let any = 0
      for (let word = 0; word < this.#words; word++) {
        const before = alive[word]!
        const after = before & this.#holders[at * this.#words + word]!
        alive[word] = after
        any |= after
        if (matched > 0 && before !== after) writeTo(units, word, before & ~after, ends[matched - 1]!)
      }
      if (any === 0) return
    }
    if (matched === 0) return
    for (let word = 0; word < this.#words; word++) writeTo(units, word, alive[word]!, ends[matched - 1]!)
  }

  holds(key: number, slot: number): boolean {
    const at = this.#find(key)
    if (at === NOT_FOUND) return false
    return (this.#holders[at * this.#words + (slot >>> 5)]! & (1 << (slot & 31))) !== 0
  }

  /** `slot` reads all of the prompt. */
  remember(keys: Iterable<number>, slot: number): void {
    const stamp = this.#nextStamp()
    for (const key of keys) {
      const at = this.#place(key)
      this.#stamps[at] = stamp
      this.#holders[at * this.#words + (slot >>> 5)]! |= 1 << (slot & 31)
    }
  }

  /** Whoever had this slot is gone, with all that it had read. */
  forget(slot: number): void {
    const words = this.#words
    const keep = ~(1 << (slot & 31))
    for (let at = 0; at < this.#keys.length; at++) {
      if (this.#keys[at] === EMPTY) continue
      this.#holders[at * words + (slot >>> 5)]! &= keep
      let any = 0
      for (let word = 0; word < words; word++) any |= this.#holders[at * words + word]!
      if (any === 0) this.#keys[at] = EMPTY
    }
  }

  #find(key: number): number {
    const first = this.#firstOf(key)
    for (let at = first; at < first + WAYS; at++) if (this.#keys[at] === key) return at
    return NOT_FOUND
  }

  /** Where the key is, or is to be from now on. */
  #place(key: number): number {
    const known = this.#find(key)
    if (known !== NOT_FOUND) return known
    const at = this.#leastUsed(key)
    if (this.#keys[at] !== EMPTY && bytesOf(2 * this.#buckets, this.#words) <= this.#maxBytes) {
      this.#rebuild(2 * this.#buckets, this.#words)
      return this.#place(key)
    }
    this.#keys[at] = key
    this.#holders.fill(0, at * this.#words, (at + 1) * this.#words)
    return at
  }

  /** Of the places where the key may be, an empty one, or else the one unused for the longest. */
  #leastUsed(key: number): number {
    const first = this.#firstOf(key)
    let oldest = first
    for (let at = first; at < first + WAYS; at++) {
      if (this.#keys[at] === EMPTY) return at
      if (this.#stamps[at]! < this.#stamps[oldest]!) oldest = at
    }
    return oldest
  }

  #firstOf(key: number): number {
    return (key & (this.#buckets - 1)) * WAYS
  }

  #nextStamp(): number {
    if (this.#stamp === LAST_STAMP) {
      this.#stamps.fill(0)
      this.#stamp = 0
    }
    return ++this.#stamp
  }

  #rebuild(buckets: number, words: number): void {
    const before = { keys: this.#keys, stamps: this.#stamps, holders: this.#holders, words: this.#words }
    this.#buckets = buckets
    this.#words = words
    this.#keys = new Float64Array(buckets * WAYS)
    this.#stamps = new Uint32Array(buckets * WAYS)
    this.#holders = new Uint32Array(buckets * WAYS * words)
    this.#alive = new Uint32Array(words)
    for (let from = 0; from < before.keys.length; from++) {
      if (before.keys[from] === EMPTY) continue
      const to = this.#leastUsed(before.keys[from]!)
      if (this.#keys[to] !== EMPTY && this.#stamps[to]! > before.stamps[from]!) continue
      this.#keys[to] = before.keys[from]!
      this.#stamps[to] = before.stamps[from]!
      for (let word = 0; word < words; word++) {
        this.#holders[to * words + word] = before.holders[from * before.words + word] ?? 0
      }
    }
  }
}

const bytesOf = (buckets: number, words: number) =>
  buckets * WAYS * (KEY_BYTES + STAMP_BYTES + words * WORD_BYTES)

/** For every bit of `bits`, which is the `word`th of its kind. */
function writeTo(units: Float64Array, word: number, bits: number, value: number): void {
  for (let left = bits; left !== 0; left &= left - 1) {
    units[word * WORD_BITS + 31 - Math.clz32(left & -left)] = value
  }
}
