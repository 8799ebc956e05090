import { expect, test } from 'vitest'
import { bytes, counted, memory, money, pricePerHour } from './quantities.ts'

test.for([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [2_150_000, '2.1 MB'],
  [734_000_000, '734 MB'],
  [16e9, '16.0 GB'],
] as const)('%d bytes are %s', ([count, said]) => {
  expect(bytes(count)).toBe(said)
})

test('memory is as large as the machine says', () => {
  expect(memory(2 ** 31)).toBe('2 GB')
  expect(memory(1.5 * 2 ** 30)).toBe('1.5 GB')
  expect(memory(200 * 2 ** 20)).toBe('200 MB')
  expect(memory(251 * 2 ** 30)).toBe('251 GB')
})

test('what costs nothing is free, and a small price keeps its digits', () => {
  expect(pricePerHour(0)).toBe('free')
  expect(pricePerHour(1.8)).toBe('$1.80/h')
  expect(pricePerHour(0.0125)).toBe('$0.0125/h')
  expect(money(1_234.5)).toBe('$1,234.50')
})

test('one is not many', () => {
  expect(counted(1, 'endpoint')).toBe('1 endpoint')
  expect(counted(1_200, 'endpoint')).toBe('1,200 endpoints')
})
