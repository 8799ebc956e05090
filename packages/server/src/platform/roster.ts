/**
 * A set of what comes and goes thousands of times a second.
 *
 * A `Set` writes itself anew each time it has been filled once, and what it was before keeps hold of all that was in it
 * then until the old generation is collected: whole requests with everything they refer to, copied and promoted
 * although they were over (decision 100). Here each member knows its place.
 */
export interface Member {
  /** Where it is; -1 for nowhere. For the roster alone. */
  place: number
}

export class Roster<Each extends Member> {
  readonly #members: Each[] = []

  get size(): number {
    return this.#members.length
  }

  /** @param member of no roster now. */
  add(member: Each): void {
    member.place = this.#members.push(member) - 1
  }

  /** Does nothing to what is not in it. The order of the others may change. */
  remove(member: Each): void {
    const { place } = member
    if (this.#members[place] !== member) return
    const last = this.#members.pop()!
    if (last !== member) {
      this.#members[place] = last
      last.place = place
    }
    member.place = -1
  }

  /** As they are now: it may change meanwhile. */
  list(): Each[] {
    return [...this.#members]
  }
}
