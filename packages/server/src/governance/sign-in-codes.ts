/**
 * Codes that sign in to the console: each is exchanged once, soon after it was made, for a token of its own.
 *
 * A code can do no more than who made it. They are kept in memory, as hashes: a restart ends those that nobody used.
 */
import type { TokenLimits, TokenRole } from '@berth/contract'
import { PlatformError } from '../domain/errors.ts'
import type { Clock } from '../platform/clock.ts'
import { newSignInCode } from '../platform/ids.ts'
import type { TokenRecord } from '../store/store.ts'
import { hashOf, type TokenWish } from './access.ts'

/** Long enough to walk to another screen. */
const CODE_MS = 30 * 60_000
/** How long one stays signed in: a week, and never longer than the token that made the code. */
const SESSION_MS = 7 * 24 * 60 * 60_000
/** Somebody who asks for more uses none of them. */
const MAX_CODES = 100

/** What the token will be allowed: what the token was that asked. */
export type SignInRights = {
  readonly user: string
  readonly role: TokenRole
  readonly expiresAt: number | null
  readonly limits?: TokenLimits
}

export type SignInRooms = {
  readonly clock: Clock
  createToken(wish: TokenWish, user: string): Promise<{ readonly token: TokenRecord; readonly text: string }>
}

type Waiting = { readonly rights: SignInRights; readonly until: number }

export class SignInCodes {
  readonly #rooms: SignInRooms
  /** By hash, oldest first. */
  readonly #waiting = new Map<string, Waiting>()

  constructor(rooms: SignInRooms) {
    this.#rooms = rooms
  }

  issue(rights: SignInRights): { readonly code: string; readonly expiresAt: number } {
    const code = newSignInCode()
    const expiresAt = this.#rooms.clock.now() + CODE_MS
    this.#waiting.set(hashOf(code), { rights, until: expiresAt })
    for (const oldest of this.#waiting.keys()) {
      if (this.#waiting.size <= MAX_CODES) break
      this.#waiting.delete(oldest)
    }
    return { code, expiresAt }
  }

  /** @throws PlatformError `unauthenticated` for a code that is unknown, used or too old; the three are not told apart. */
  async redeem(code: string): Promise<{ readonly token: TokenRecord; readonly text: string }> {
    const hash = hashOf(code)
    const waiting = this.#waiting.get(hash)
    // Gone before anything is awaited: two who come at once are one and a stranger.
    this.#waiting.delete(hash)
    const now = this.#rooms.clock.now()
    if (!waiting || waiting.until <= now) {
      throw new PlatformError(
        'unauthenticated',
        'This sign-in link was used already or is too old. `berth console` prints a new one; a token signs in as well.',
        { reason: 'sign_in_code' },
      )
    }
    const { user, role, limits, expiresAt } = waiting.rights
    return await this.#rooms.createToken(
      {
        name: 'console',
        isSession: true,
        role,
        expiresAt: Math.min(now + SESSION_MS, expiresAt ?? Number.POSITIVE_INFINITY),
        ...(limits && { limits }),
      },
      user,
    )
  }
}
