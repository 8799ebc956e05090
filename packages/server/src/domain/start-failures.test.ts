import { expect, test } from 'vitest'
import { afterFailure, MAX_STARTS, type StartFailures, startNotBefore } from './start-failures.ts'

const FAILURE = { cause: 'unknown', summary: 'It ended.', remedy: 'Look.', evidence: [] as string[] } as const

const fail = (before: StartFailures | undefined, now: number, revision = 1) =>
  afterFailure(before, { revision, reason: 'it crashed', failure: FAILURE, hopeless: false }, now)

test('tries again at once after the first failure, then after 1 s, then twice as long each time', () => {
  const first = fail(undefined, 10_000)
  const second = fail(first, 20_000)
  const third = fail(second, 30_000)

  expect(startNotBefore(first, 1)).toBe(0)
  expect(startNotBefore(second, 1)).toBe(21_000)
  expect(startNotBefore(third, 1)).toBe(32_000)
})

test('gives up after so many starts in a row, or at once when there is no hope', () => {
  let failures: StartFailures | undefined
  for (let i = 0; i < MAX_STARTS; i++) failures = fail(failures, i)

  expect(failures).toMatchObject({ count: MAX_STARTS, final: true })
  expect(startNotBefore(failures, 1)).toBe(Number.POSITIVE_INFINITY)
  expect(
    afterFailure(undefined, { revision: 1, reason: 'no such program', failure: FAILURE, hopeless: true }, 0)
      .final,
  ).toBe(true)
})

test('another revision begins with a clean sheet', () => {
  const failures = fail(fail(undefined, 0), 0)

  expect(startNotBefore(failures, 2)).toBe(0)
  expect(fail(failures, 0, 2).count).toBe(1)
})
