import { expect, test } from 'vitest'
import { GatewayRoll } from './gateway-roll.ts'

test('nothing is measured before a gateway speaks, nor long after the last one did', () => {
  const roll = new GatewayRoll()
  expect(roll.isMeasured(0)).toBe(false)
  roll.heard('a', 1, 1_000)
  expect(roll.isMeasured(5_000)).toBe(true)
  expect(roll.isMeasured(7_000)).toBe(false)
})

test('what comes again, or after a later one, is no news', () => {
  const roll = new GatewayRoll()
  expect([3, 3, 2, 4].map((sequence) => roll.heard('a', sequence, 0))).toEqual([true, false, false, true])
  expect(roll.heard('b', 1, 0)).toBe(true)
})

test('one silent gateway of two is believed for half a minute, and then spoils the measurement', () => {
  const roll = new GatewayRoll()
  roll.heard('silent', 1, 0)
  for (let at = 0; at <= 40_000; at += 1_000) {
    roll.heard('alive', at + 1, at)
    expect(roll.isMeasured(at), String(at)).toBe(at <= 30_000)
  }
})

test('one that left is forgotten after half a minute, unless it came back', () => {
  const roll = new GatewayRoll()
  roll.connected('a', 0)
  roll.connected('b', 0)
  roll.gone('a', 1_000)
  roll.gone('b', 1_000)
  roll.connected('b', 2_000)
  expect(roll.takeForgotten(31_000)).toEqual([])
  expect(roll.takeForgotten(31_001)).toEqual(['a'])
  expect(roll.takeForgotten(90_000)).toEqual([])
})

test('a clock that was set back makes nobody older or younger for long', () => {
  const roll = new GatewayRoll()
  roll.heard('a', 1, 100_000)
  expect(roll.isMeasured(10_000)).toBe(false)
  roll.heard('a', 2, 10_250)
  expect(roll.isMeasured(10_300)).toBe(true)
})
