/** Access tokens, and who the caller's own belongs to. */
import type { Whoami } from '@berth/contract'
import type { Handlers } from './route-binding.ts'
import type { Caller, TokenService } from './services.ts'

export function tokenHandlers(
  tokens: TokenService,
): Pick<
  Handlers,
  'whoami' | 'listTokens' | 'createToken' | 'revokeToken' | 'createSignInCode' | 'signIn' | 'signOut'
> {
  return {
    whoami: async ({ caller }) => whoami(caller),
    listTokens: ({ caller }) => tokens.list(caller),
    createToken: ({ body, caller }) => tokens.create(body, caller),
    revokeToken: async ({ params, caller }) => {
      await tokens.revoke(params.id, caller)
      return {}
    },
    createSignInCode: ({ caller }) => tokens.createSignInCode(caller),
    signIn: ({ body }) => tokens.signIn(body.code),
    signOut: async ({ caller }) => {
      await tokens.signOut(caller)
      return {}
    },
  }
}

/** In the Hub's shape. Berth has no mail, plans or payment, and says so in the words clients know. */
function whoami(caller: Caller): Whoami {
  return {
    type: 'user',
    id: caller.actor.id,
    name: caller.user,
    fullname: caller.actor.name,
    email: null,
    emailVerified: false,
    isPro: false,
    canPay: false,
    orgs: caller.namespaces
      .filter((namespace) => namespace !== caller.user)
      .map((name) => ({ type: 'org', id: name, name, fullname: name })),
    auth: {
      type: 'access_token',
      accessToken: {
        displayName: caller.tokenName,
        role: caller.role,
        createdAt: new Date(caller.tokenCreatedAt).toISOString(),
      },
    },
  }
}
