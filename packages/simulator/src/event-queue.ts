/** What happens next: a binary heap of times, each with a number that says what is meant. Equal times keep order. */
export class EventQueue {
  #times = new Float64Array(1_024)
  #orders = new Float64Array(1_024)
  #subjects = new Float64Array(1_024)
  #size = 0
  #added = 0

  get nextAt(): number {
    return this.#size > 0 ? this.#times[0]! : Number.POSITIVE_INFINITY
  }

  add(at: number, subject: number): void {
    if (this.#size === this.#times.length) this.#grow()
    let index = this.#size++
    const order = this.#added++
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (this.#times[parent]! <= at) break
      this.#move(parent, index)
      index = parent
    }
    this.#put(index, at, order, subject)
  }

  /** @returns the subject of the earliest event; the queue must not be empty. */
  take(): number {
    const subject = this.#subjects[0]!
    const last = --this.#size
    const at = this.#times[last]!
    const order = this.#orders[last]!
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= last) break
      if (child + 1 < last && this.#isBefore(child + 1, child)) child++
      if (this.#times[child]! > at || (this.#times[child] === at && this.#orders[child]! > order)) break
      this.#move(child, index)
      index = child
    }
    this.#put(index, at, order, this.#subjects[last]!)
    return subject
  }

  #isBefore(a: number, b: number): boolean {
    const difference = this.#times[a]! - this.#times[b]!
    return difference < 0 || (difference === 0 && this.#orders[a]! < this.#orders[b]!)
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from]!, this.#orders[from]!, this.#subjects[from]!)
  }

  #put(index: number, at: number, order: number, subject: number): void {
    this.#times[index] = at
    this.#orders[index] = order
    this.#subjects[index] = subject
  }

  #grow(): void {
    const grown = (from: Float64Array) => {
      const larger = new Float64Array(2 * from.length)
      larger.set(from)
      return larger
    }
    this.#times = grown(this.#times)
    this.#orders = grown(this.#orders)
    this.#subjects = grown(this.#subjects)
  }
}
