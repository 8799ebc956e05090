import { expect, test } from 'vitest'
import { sparklinePath } from './sparkline-path.ts'

test('the greatest value touches the top and zero the bottom', () => {
  expect(sparklinePath([0, 10, 5], 20, 10).line).toBe('M0 9L10 1L20 5')
})

test('nothing, one value and only zeros are a flat line', () => {
  expect(sparklinePath([], 20, 10).line).toBe('M0 9L20 9')
  expect(sparklinePath([7], 20, 10).line).toBe('M0 1L20 1')
  expect(sparklinePath([0, null, 0], 20, 10).line).toBe('M0 9L10 9L20 9')
})
