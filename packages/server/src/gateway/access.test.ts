import { hash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { EndpointId } from '../domain/replica.ts'
import type { RoutedEndpoint, TokenGrant } from '../link/messages.ts'
import { callerOf, requireAccess } from './access.ts'

const grant: TokenGrant = {
  hash: hash('sha256', 'berth_x', 'hex'),
  tokenId: 't',
  user: 'ann',
  role: 'read',
  namespaces: ['acme'],
  expiresAt: 1_000,
}
const endpoint = (access: RoutedEndpoint['access'], namespace = 'acme'): RoutedEndpoint => ({
  id: 'e' as EndpointId,
  namespace,
  name: 'chat',
  access,
  state: 'running',
  message: '',
  failure: null,
  start: null,
  replicas: [],
})

function outcome(headers: Record<string, string>, of: RoutedEndpoint, now = 0): string {
  try {
    requireAccess(
      of,
      callerOf(headers, (it) => (it === grant.hash ? grant : undefined), now),
    )
    return 'allowed'
  } catch (error) {
    return (error as { code: string }).code
  }
}

const ann = { authorization: 'Bearer berth_x' }

test.for([
  ['public', {}, 'allowed', 'allowed'],
  ['public', { authorization: 'Bearer wrong' }, 'allowed', 'allowed'],
  ['authenticated', {}, 'unauthenticated', 'unauthenticated'],
  ['authenticated', ann, 'allowed', 'allowed'],
  ['private', {}, 'unauthenticated', 'unauthenticated'],
  ['private', ann, 'allowed', 'forbidden'],
  ['private', { authorization: 'bearer   berth_x ' }, 'allowed', 'forbidden'],
  ['private', { 'x-api-key': 'berth_x' }, 'allowed', 'forbidden'],
  ['private', { authorization: 'Bearer wrong' }, 'unauthenticated', 'unauthenticated'],
  ['private', { authorization: 'Basic berth_x' }, 'unauthenticated', 'unauthenticated'],
  [
    'private',
    { authorization: 'Bearer wrong', 'x-api-key': 'berth_x' },
    'unauthenticated',
    'unauthenticated',
  ],
] as const)('%s with %o: %s in the own namespace, %s in another', ([access, headers, own, other]) => {
  expect(outcome(headers, endpoint(access))).toBe(own)
  expect(outcome(headers, endpoint(access, 'others'))).toBe(other)
})

test('a token is good until it expires and not a millisecond longer', () => {
  expect(outcome(ann, endpoint('private'), 999)).toBe('allowed')
  expect(outcome(ann, endpoint('private'), 1_000)).toBe('unauthenticated')
})
