import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LEAST_PREFIX_BYTES, PrefixMemory } from './prefix-memory.ts'
import type { Prompt } from './prompt.ts'

const MEGABYTE = 1024 * 1024

/** A prompt of blocks of 10 units. */
const promptOf = (...keys: readonly number[]): Prompt => ({
  keys: Float64Array.from(keys),
  ends: Float64Array.from(keys, (_, i) => 10 * (i + 1)),
})
function matched(memory: PrefixMemory, prompt: Prompt, slots: number): number[] {
  const units = new Float64Array(slots)
  memory.match(prompt, units)
  return [...units]
}
/** As hashes are spread. */
const spread = (n: number) => (Math.imul(n, 0x9e3779b1) >>> 0) * 2 ** 20 + n + 1

test('each slot matches as far as it has read from the beginning', () => {
  const memory = new PrefixMemory(MEGABYTE)
  memory.remember([1, 2, 3], 0)
  memory.remember([1, 2, 8, 9], 1)
  memory.remember([3], 2)
  expect(matched(memory, promptOf(1, 2, 3, 4), 3)).toEqual([30, 20, 0])
  expect(matched(memory, promptOf(1, 2, 8, 9), 3)).toEqual([20, 40, 0])
  expect(matched(memory, promptOf(7), 3)).toEqual([0, 0, 0])
  expect(matched(memory, promptOf(), 3)).toEqual([0, 0, 0])
})

test('what a slot read is forgotten with it, and nothing else', () => {
  const memory = new PrefixMemory(MEGABYTE)
  memory.remember([1, 2], 0)
  memory.remember([1], 1)
  memory.forget(0)
  expect(matched(memory, promptOf(1, 2), 2)).toEqual([0, 10])
  expect(memory.holds(1, 1)).toBe(true)
  expect(memory.holds(2, 0)).toBe(false)
})

test('more slots than a word has bits are kept apart, and what was known before stays known', () => {
  const memory = new PrefixMemory(MEGABYTE)
  memory.remember([1, 2], 31)
  memory.resize(70, MEGABYTE)
  memory.remember([1, 2, 3], 32)
  memory.remember([1], 69)
  const units = matched(memory, promptOf(1, 2, 3), 70)
  expect([units[31], units[32], units[69], units[0], units[1], units[63]]).toEqual([20, 30, 10, 0, 0, 0])
  memory.forget(69)
  expect(matched(memory, promptOf(1, 2, 3), 70)[69]).toBe(0)
})

test('agrees with a map of sets while everything fits', () => {
  const step = fc.record({
    slot: fc.nat(39),
    keys: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 6 }),
    forget: fc.boolean(),
  })
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 40 }),
      fc.array(fc.integer({ min: 1, max: 40 })),
      (steps, asked) => {
        const memory = new PrefixMemory(MEGABYTE)
        memory.resize(40, MEGABYTE)
        const model = Array.from({ length: 40 }, () => new Set<number>())
        for (const { slot, keys, forget } of steps) {
          if (forget) {
            memory.forget(slot)
            model[slot]!.clear()
          } else {
            memory.remember(keys, slot)
            for (const key of keys) model[slot]!.add(key)
          }
        }
        const expected = model.map((read) => {
          const miss = asked.findIndex((key) => !read.has(key))
          return 10 * (miss === -1 ? asked.length : miss)
        })
        expect(matched(memory, promptOf(...asked), 40)).toEqual(expected)
      },
    ),
  )
})

describe('its memory', () => {
  test('claims nothing that was not read, however much had to leave', () => {
    const few = fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(fc.array(few, { minLength: 100, maxLength: 200 }), (prompts) => {
        const memory = new PrefixMemory(LEAST_PREFIX_BYTES)
        const read = [new Set<number>(), new Set<number>()]
        for (const [i, keys] of prompts.entries()) {
          memory.remember(keys.map(spread), i % 2)
          for (const key of keys) read[i % 2]!.add(key)
        }
        for (const keys of prompts.slice(0, 20)) {
          const units = matched(memory, promptOf(...keys.map(spread)), 2)
          for (const slot of [0, 1]) {
            expect(keys.slice(0, units[slot]! / 10).every((key) => read[slot]!.has(key))).toBe(true)
          }
        }
      }),
      { numRuns: 20 },
    )
  })

  test('never exceeds the bound, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: LEAST_PREFIX_BYTES, max: 40 * LEAST_PREFIX_BYTES }),
        fc.integer({ min: 1, max: 32 }),
        (maxBytes, slots) => {
          const memory = new PrefixMemory(maxBytes)
          memory.resize(slots, maxBytes)
          for (let n = 0; n < 5_000; n++) memory.remember([spread(n)], n % slots)
          expect(memory.bytes).toBeLessThanOrEqual(maxBytes)
        },
      ),
      { numRuns: 30 },
    )
  })

  test('begins small, grows with use, and shrinks to a smaller bound keeping what was used last', () => {
    const memory = new PrefixMemory(MEGABYTE)
    expect(memory.bytes).toBe(LEAST_PREFIX_BYTES)
    for (let n = 0; n < 20_000; n++) memory.remember([spread(n)], 0)
    const grown = memory.bytes
    expect(grown).toBeGreaterThan(20_000 * 8)
    memory.resize(1, LEAST_PREFIX_BYTES)
    expect(memory.bytes).toBe(LEAST_PREFIX_BYTES)
    const recent = Array.from({ length: 100 }, (_, i) => memory.holds(spread(19_999 - i), 0))
    expect(recent.filter(Boolean).length).toBeGreaterThan(90)
  })

  test('is used again when those who had read something are gone', () => {
    const memory = new PrefixMemory(MEGABYTE)
    const fill = (from: number) => {
      for (let n = from; n < from + 2_000; n++) memory.remember([spread(n)], 0)
    }
    fill(0)
    const { bytes } = memory
    memory.forget(0)
    // As many again go into the places of the others, give or take a bucket that fills up by chance.
    fill(2_000)
    expect(memory.bytes).toBeLessThanOrEqual(2 * bytes)
    for (let n = 4_000; n < 40_000; n += 2_000) {
      memory.forget(0)
      fill(n)
    }
    expect(memory.bytes).toBeLessThanOrEqual(2 * bytes)
  })

  test('what is used again and again stays while twenty times its size goes through', () => {
    const memory = new PrefixMemory(LEAST_PREFIX_BYTES)
    const hot = [1, 2, 3, 4].map((n) => spread(1_000_000 + n))
    memory.remember(hot, 0)
    for (let n = 0; n < 10_000; n++) {
      memory.remember([spread(n)], 0)
      if (n % 50 === 0) memory.match(promptOf(...hot), new Float64Array(1))
    }
    expect(matched(memory, promptOf(...hot), 1)).toEqual([40])
    expect(memory.holds(spread(0), 0)).toBe(false)
  })

  test('takes at most 40 bytes for a block once it is in use', () => {
    const memory = new PrefixMemory(64 * MEGABYTE)
    const blocks = 100_000
    for (let n = 0; n < blocks; n++) memory.remember([spread(n)], 0)
    const held = Array.from({ length: blocks }, (_, n) => memory.holds(spread(n), 0)).filter(Boolean)
    expect(held.length).toBe(blocks)
    expect(memory.bytes / blocks).toBeLessThanOrEqual(40)
  })
})
