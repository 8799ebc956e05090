import { expect, test } from 'vitest'
import { routingRules, UNKNOWN_INTAKE } from './intake.ts'

const LANGUAGE_MODEL = { room: 4, keepsPrefixes: true }

test.for([
  [LANGUAGE_MODEL, undefined, { policy: 'prefix-affinity', room: 4 }],
  [LANGUAGE_MODEL, null, { policy: 'prefix-affinity', room: 4 }],
  [LANGUAGE_MODEL, {}, { policy: 'prefix-affinity', room: 4 }],
  [{ room: 1, keepsPrefixes: false }, undefined, { policy: 'least-requests', room: 1 }],
  [UNKNOWN_INTAKE, undefined, { policy: 'least-requests', room: null }],
  [LANGUAGE_MODEL, { policy: 'round-robin' }, { policy: 'round-robin', room: 4 }],
  [LANGUAGE_MODEL, { requestsPerReplica: 9 }, { policy: 'prefix-affinity', room: 9 }],
  [LANGUAGE_MODEL, { policy: null, requestsPerReplica: null }, { policy: 'prefix-affinity', room: 4 }],
] as const)('%j with %j asked makes %j', ([intake, asked, rules]) => {
  expect(routingRules(intake, asked)).toEqual(rules)
})
