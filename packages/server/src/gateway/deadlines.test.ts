import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Deadlines } from './deadlines.ts'

const TICK_MS = 10

function started() {
  const deadlines = new Deadlines(TICK_MS)
  const fired: string[] = []
  const pass = (ms: number) => {
    for (let passed = 0; passed < ms; passed += TICK_MS) deadlines.advance()
  }
  return { deadlines, fired, pass, create: (name: string) => deadlines.create(() => fired.push(name)) }
}

describe('Deadlines', () => {
  test('one fires once, after its time', () => {
    const { create, fired, pass } = started()
    create('a').set(100)
    pass(100)
    expect(fired).toEqual([])
    pass(20)
    expect(fired).toEqual(['a'])
    pass(1_000)
    expect(fired).toEqual(['a'])
  })

  test('one that is moved fires where it was moved to, later or earlier', () => {
    const { create, fired, pass } = started()
    const [later, earlier] = [create('later'), create('earlier')]
    later.set(100)
    earlier.set(1_000)
    pass(50)
    later.set(500)
    earlier.set(100)
    pass(150)
    expect(fired).toEqual(['earlier'])
    pass(400)
    expect(fired).toEqual(['earlier', 'later'])
  })

  test('one that is lifted does not fire until it is set again', () => {
    const { create, fired, pass } = started()
    const deadline = create('a')
    deadline.set(100)
    deadline.lift()
    pass(1_000)
    expect(fired).toEqual([])
    deadline.set(100)
    pass(120)
    expect(fired).toEqual(['a'])
  })

  test('one may be set again when it fires', () => {
    const deadlines = new Deadlines(TICK_MS)
    let fired = 0
    const deadline = deadlines.create(() => {
      fired++
      deadline.set(0)
    })
    deadline.set(0)
    for (let i = 0; i < 5; i++) deadlines.advance()
    expect(fired).toBe(5)
  })

  test('whatever was done before, it fires within two ticks after the time it was last set to', () => {
    const step = fc.record({ pass: fc.nat(8), set: fc.option(fc.nat(20), { nil: undefined }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const deadlines = new Deadlines(TICK_MS)
        let firedAt: number[] = []
        let tick = 0
        let expected: number | undefined
        const deadline = deadlines.create(() => firedAt.push(tick))
        for (const { pass, set } of steps) {
          if (set === undefined) deadline.lift()
          else deadline.set(set * TICK_MS)
          expected = set === undefined ? undefined : tick + set + 1
          firedAt = []
          for (let i = 0; i < pass; i++) {
            tick++
            deadlines.advance()
          }
          expect(firedAt).toEqual(expected !== undefined && expected <= tick ? [expected] : [])
        }
      }),
    )
  })
})
