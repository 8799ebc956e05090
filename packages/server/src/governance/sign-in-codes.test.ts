import { beforeEach, expect, test } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { recordOf, type TokenWish } from './access.ts'
import { SignInCodes, type SignInRights } from './sign-in-codes.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const ADA: SignInRights = { user: 'ada', role: 'write', expiresAt: null }

let clock: FakeClock
let made: (TokenWish & { readonly user: string })[]
let codes: SignInCodes
beforeEach(() => {
  clock = new FakeClock(1_000_000)
  made = []
  codes = new SignInCodes({
    clock,
    createToken: async (wish, user) => {
      made.push({ ...wish, user })
      return { token: recordOf('berth_text', { ...wish, user }, clock.now()), text: 'berth_text' }
    },
  })
})

test('a code becomes a token once', async () => {
  const { code } = codes.issue(ADA)
  expect((await codes.redeem(code)).text).toBe('berth_text')
  await expect(codes.redeem(code)).rejects.toMatchObject({ code: 'unauthenticated', reason: 'sign_in_code' })
  expect(made).toHaveLength(1)
})

test('of two who bring the same code at the same time one is let in', async () => {
  const { code } = codes.issue(ADA)
  const came = await Promise.allSettled([codes.redeem(code), codes.redeem(code)])
  expect(came.map((one) => one.status).toSorted()).toEqual(['fulfilled', 'rejected'])
})

test('a code that nobody made is refused', async () => {
  codes.issue(ADA)
  await expect(codes.redeem('guessed')).rejects.toMatchObject({ code: 'unauthenticated' })
})

test('a code ends after half an hour', async () => {
  const early = codes.issue(ADA)
  const late = codes.issue(ADA)
  await clock.advance(30 * MINUTE - 1)
  await codes.redeem(early.code)
  await clock.advance(1)
  await expect(codes.redeem(late.code)).rejects.toMatchObject({ code: 'unauthenticated' })
})

test('the token may do what the one that asked for the code may, and ends with it at the latest', async () => {
  const limits = { requestsPerMinute: 5 }
  await codes.redeem(codes.issue({ user: 'bob', role: 'read', limits, expiresAt: clock.now() + DAY }).code)
  await codes.redeem(codes.issue(ADA).code)
  expect(made).toMatchObject([
    { user: 'bob', role: 'read', limits, expiresAt: clock.now() + DAY },
    { user: 'ada', role: 'write', expiresAt: clock.now() + 7 * DAY },
  ])
})

test('only the newest hundred wait', async () => {
  const first = codes.issue(ADA)
  const others = Array.from({ length: 100 }, () => codes.issue(ADA))
  await expect(codes.redeem(first.code)).rejects.toMatchObject({ code: 'unauthenticated' })
  await codes.redeem(others[0]!.code)
})
