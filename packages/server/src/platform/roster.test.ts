import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Member, Roster } from './roster.ts'

class Guest implements Member {
  place = -1
  readonly name: number
  constructor(name: number) {
    this.name = name
  }
}

test('holds what a set would hold, however its members come and go', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(9), fc.boolean()), { maxLength: 200 }), (steps) => {
      const guests = Array.from({ length: 10 }, (_, name) => new Guest(name))
      const roster = new Roster<Guest>()
      const expected = new Set<Guest>()
      for (const [name, comes] of steps) {
        const guest = guests[name]!
        if (!comes) {
          roster.remove(guest)
          expected.delete(guest)
        } else if (!expected.has(guest)) {
          roster.add(guest)
          expected.add(guest)
        }
        expect(new Set(roster.list())).toEqual(expected)
        expect(roster.size).toBe(expected.size)
      }
    }),
  )
})

test('takes nothing out that is in another one', () => {
  const [one, other] = [new Roster<Guest>(), new Roster<Guest>()]
  const [inOne, inOther] = [new Guest(1), new Guest(2)]
  one.add(inOne)
  other.add(inOther)
  one.remove(inOther)
  expect(one.list()).toEqual([inOne])
  expect(other.list()).toEqual([inOther])
})

test('a list stays what it was while members leave', () => {
  const roster = new Roster<Guest>()
  const guests = [new Guest(1), new Guest(2), new Guest(3)]
  for (const guest of guests) roster.add(guest)
  for (const guest of roster.list()) roster.remove(guest)
  expect(roster.size).toBe(0)
})
