/** Access tokens and who is asking. A token's text is shown once, when it is made. */
import { z } from 'zod'
import { NamespaceName, Timestamp } from './names.ts'

export const TokenRole = z.enum(['read', 'write']).meta({
  description: 'read: look and call endpoints. write: also create, change and delete.',
})
export type TokenRole = z.infer<typeof TokenRole>

const limit = z.int().min(0).max(1e12).optional()

export const UsageLimits = z
  .strictObject({
    requestsPerMinute: limit,
    tokensPerMinute: limit.meta({ description: 'Input and output together.' }),
    concurrentRequests: limit.meta({ description: 'Being answered or held at the same time.' }),
    bodyBytes: limit.meta({ description: 'The body of one request.' }),
    requestSeconds: z.int().min(1).max(604_800).optional().meta({
      description: 'How long one request may take, from its arrival to the end of its answer.',
    }),
  })
  .meta({ description: 'What is not named is not limited.' })
export type UsageLimits = z.infer<typeof UsageLimits>

export const TokenLimits = UsageLimits.extend({
  urgency: z.int().min(0).max(7).optional().meta({
    description:
      'The most urgent that its requests may ask to be with the u of a Priority header (RFC 9218); 3, the usual, when it is not named.',
  }),
}).meta({ description: 'What is not named is not limited.' })
export type TokenLimits = z.infer<typeof TokenLimits>

export const TokenCreate = z.strictObject({
  name: z.string().min(1).max(60),
  role: TokenRole.default('write'),
  expiresAt: Timestamp.nullable().default(null),
  limits: TokenLimits.default({}),
})

export const TokenView = z.object({
  id: z.string(),
  name: z.string(),
  prefix: z.string().meta({ description: 'The first characters, to recognise it by.' }),
  role: TokenRole,
  user: z.string(),
  createdAt: Timestamp,
  expiresAt: Timestamp.nullable(),
  lastUsedAt: Timestamp.nullable().meta({
    description: 'To the minute; null for a token that was never used.',
  }),
  limits: TokenLimits.optional(),
})
export type TokenView = z.infer<typeof TokenView>
export const TokenList = z.object({ items: z.array(TokenView) })
export const TokenCreated = z.object({ ...TokenView.shape, token: z.string() })

/** Shaped as the Hub's whoami-v2, because clients ask that before every call without a namespace. */
export const Whoami = z.object({
  type: z.literal('user'),
  id: z.string(),
  name: NamespaceName,
  fullname: z.string(),
  email: z.null(),
  emailVerified: z.boolean(),
  isPro: z.boolean(),
  canPay: z.boolean(),
  orgs: z.array(z.object({ type: z.literal('org'), id: z.string(), name: z.string(), fullname: z.string() })),
  auth: z.object({
    type: z.literal('access_token'),
    accessToken: z.object({ displayName: z.string(), role: TokenRole, createdAt: Timestamp }),
  }),
})
export type Whoami = z.infer<typeof Whoami>
