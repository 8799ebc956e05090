import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteReader, ByteWriter } from './bytes.ts'
import { Distribution, GREATEST, RELATIVE_ERROR, SMALLEST } from './distribution.ts'

const of = (values: readonly number[]) => {
  const distribution = new Distribution()
  for (const value of values) distribution.add(value)
  return distribution
}

const written = (distribution: Distribution) => {
  const bytes = new ByteWriter()
  distribution.write(bytes)
  return Buffer.from(bytes.bytes)
}

const anyTime = fc.double({ min: SMALLEST, max: GREATEST, noNaN: true })
const anyTimes = fc.array(anyTime, { minLength: 1, maxLength: 200 })
const anyQuantile = fc.double({ min: 0, max: 1, noNaN: true })

test('a percentile is within two percent of the true one', () => {
  fc.assert(
    fc.property(anyTimes, anyQuantile, (values, q) => {
      const sorted = values.toSorted((a, b) => a - b)
      const rank = q * (sorted.length - 1)
      const found = of(values).quantile(q)
      // Between the two values that the rank lies between, both counting.
      expect(found).toBeGreaterThanOrEqual(sorted[Math.floor(rank)]! * (1 - RELATIVE_ERROR - 1e-9))
      expect(found).toBeLessThanOrEqual(sorted[Math.ceil(rank)]! * (1 + RELATIVE_ERROR + 1e-9))
    }),
  )
})

test('percentiles stay what they were however the values are put together', () => {
  fc.assert(
    fc.property(fc.array(anyTimes, { minLength: 1, maxLength: 8 }), anyQuantile, (parts, q) => {
      const whole = of(parts.flat())
      const merged = new Distribution()
      for (const part of parts) merged.merge(of(part))
      const read = new Distribution()
      for (const part of parts) read.mergeFrom(new ByteReader(written(of(part))))
      for (const other of [merged, read]) {
        expect(other.quantile(q)).toBe(whole.quantile(q))
        expect(other.count).toBe(whole.count)
        expect(other.mean / whole.mean).toBeCloseTo(1, 5)
      }
    }),
  )
})

test('what lies outside of any sensible range is counted at its edge', () => {
  expect(of([0, -3]).quantile(1)).toBeCloseTo(SMALLEST, 3)
  expect(of([1e12]).quantile(0) / GREATEST).toBeCloseTo(1, 1)
})

test('of nothing there is no percentile and no mean', () => {
  expect(new Distribution().quantile(0.5)).toBeNaN()
  expect(new Distribution().mean).toBeNaN()
})

test('one that is not wanted is passed over', () => {
  const bytes = new ByteWriter()
  of([1, 50, 900]).write(bytes)
  bytes.whole(7)
  const reader = new ByteReader(bytes.bytes)
  Distribution.skip(reader)
  expect(reader.whole()).toBe(7)
})
