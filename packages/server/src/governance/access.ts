/**
 * Access: tokens, who they belong to, and what the gateways are told of them.
 *
 * A token's text exists in the answer to its creation and nowhere else: everything here knows its SHA-256.
 */
import { createHash } from 'node:crypto'
import type { Actor, TokenLimits, TokenRole } from '@berth/contract'
import { PlatformError } from '../domain/errors.ts'
import type { TokenGrant, TokenUse } from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import { newTokenId, newTokenText } from '../platform/ids.ts'
import type { ListedToken, Store, TokenRecord } from '../store/store.ts'
import type { SignInRights } from './sign-in-codes.ts'

export type AccessRooms = {
  readonly clock: Clock
  readonly store: Store
  /** Tells the gateways. */
  granted(grant: TokenGrant): void
  revoked(hash: string): void
  readonly uses: { used(use: TokenUse): void; lastUsed(tokenId: string): number | undefined }
}

export type Identity = {
  readonly user: string
  readonly actor: Actor
  readonly role: TokenRole
  readonly tokenId: string
  readonly tokenName: string
  readonly tokenCreatedAt: number
  readonly namespaces: readonly string[]
}

export type TokenWish = {
  readonly name: string
  readonly role: TokenRole
  readonly expiresAt: number | null
  readonly limits?: TokenLimits
  readonly isSession?: true
}

/** How long one that expired is still listed, for those who wonder why it is refused. */
const EXPIRED_KEPT_MS = 30 * 24 * 60 * 60_000
const SHOWN_CHARACTERS = 10

export const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')

export function recordOf(
  text: string,
  wish: TokenWish & { readonly user: string },
  now: number,
): TokenRecord {
  return {
    id: newTokenId(),
    hash: hashOf(text),
    prefix: text.slice(0, SHOWN_CHARACTERS),
    createdAt: now,
    ...wish,
  }
}

export class Access {
  readonly #rooms: AccessRooms

  constructor(rooms: AccessRooms) {
    this.#rooms = rooms
  }

  async authenticate(text: string): Promise<Identity | undefined> {
    const token = await this.#rooms.store.tokens.findByHash(hashOf(text))
    const now = this.#rooms.clock.now()
    if (!token || isExpired(token, now)) return undefined
    this.#rooms.uses.used({ tokenId: token.id, at: now })
    return {
      user: token.user,
      actor: { id: token.user, name: token.user },
      role: token.role,
      tokenId: token.id,
      tokenName: token.name,
      tokenCreatedAt: token.createdAt,
      namespaces: namespacesOf(token.user),
    }
  }

  /** What a token may: for what is made in its name. */
  async rightsOf(tokenId: string, user: string): Promise<SignInRights> {
    const token = (await this.#rooms.store.tokens.list(user)).find((mine) => mine.id === tokenId)
    if (!token) throw new PlatformError('unauthenticated', 'The token of this request has just been revoked.')
    const { role, expiresAt, limits } = token
    return { user, role, expiresAt, ...(limits && { limits }) }
  }

  async createToken(
    wish: TokenWish,
    user: string,
  ): Promise<{ readonly token: TokenRecord; readonly text: string }> {
    const now = this.#rooms.clock.now()
    if (wish.expiresAt !== null && wish.expiresAt <= now) {
      const expiresAt = new Date(wish.expiresAt).toISOString()
      throw new PlatformError(
        'invalid',
        `expiresAt is ${expiresAt}: it must be in the future, or null for never.`,
        {
          field: 'expiresAt',
        },
      )
    }
    const text = newTokenText()
    const token = recordOf(text, { ...wish, user }, now)
    await this.#rooms.store.transaction(async (store) => {
      await store.tokens.create(token)
      await store.events.append(tokenEvent('token.created', token, user, now))
    })
    this.#rooms.granted(grantOf(token))
    return { token, text }
  }

  /** Ends what a sign-in to the console began; a token that a person made may be in use elsewhere, and stays. */
  async endSession(tokenId: string, user: string): Promise<void> {
    const token = (await this.#rooms.store.tokens.list(user)).find((mine) => mine.id === tokenId)
    if (token?.isSession) await this.#revoke(token)
  }

  async revokeToken(id: string, user: string): Promise<void> {
    const token = (await this.#rooms.store.tokens.list(user)).find((mine) => mine.id === id)
    if (!token)
      throw new PlatformError(
        'not_found',
        `You have no token with the id "${id}". List them with: berth token list`,
      )
    await this.#revoke(token)
  }

  async #revoke(token: TokenRecord): Promise<void> {
    await this.#rooms.store.transaction(async (store) => {
      await store.tokens.revoke(token.id)
      await store.events.append(tokenEvent('token.revoked', token, token.user, this.#rooms.clock.now()))
    })
    this.#rooms.revoked(token.hash)
  }

  /** Newest first. */
  async tokensOf(user: string): Promise<readonly ListedToken[]> {
    const tokens = await this.#rooms.store.tokens.list(user)
    return tokens.map((token) => {
      const told = this.#rooms.uses.lastUsed(token.id)
      return { ...token, lastUsedAt: Math.max(told ?? 0, token.lastUsedAt ?? 0) || null }
    })
  }

  /** Removes what expired: what a sign-in to the console left at once, what a person made after a while. */
  async tidy(): Promise<void> {
    const now = this.#rooms.clock.now()
    for (const token of await this.#rooms.store.tokens.list()) {
      if (!isExpired(token, token.isSession ? now : now - EXPIRED_KEPT_MS)) continue
      await this.#rooms.store.tokens.revoke(token.id)
      this.#rooms.revoked(token.hash)
    }
  }

  async grants(): Promise<readonly TokenGrant[]> {
    const now = this.#rooms.clock.now()
    const tokens = await this.#rooms.store.tokens.list()
    return tokens.filter((token) => !isExpired(token, now)).map(grantOf)
  }
}

function grantOf(token: TokenRecord): TokenGrant {
  const { hash, id: tokenId, user, role, expiresAt, limits } = token
  const namespaces = namespacesOf(user)
  return { hash, tokenId, user, role, namespaces, expiresAt, ...(limits && { limits }) }
}

/** Everybody's own namespace has the user's name. */
const namespacesOf = (user: string): readonly string[] => [user]

const isExpired = (token: TokenRecord, now: number): boolean =>
  token.expiresAt !== null && token.expiresAt <= now

function tokenEvent(kind: string, token: TokenRecord, user: string, at: number) {
  const verb = kind === 'token.created' ? 'Created' : 'Revoked'
  return {
    at,
    actor: { id: user, name: user },
    kind,
    endpoint: null,
    message: `${verb} token "${token.name}" (${token.prefix}…).`,
    details: { tokenId: token.id, role: token.role },
  }
}
