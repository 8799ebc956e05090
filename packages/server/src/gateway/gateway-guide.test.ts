/**
 * The guide to the gateway lists every limit, header and error that the gateway has, and none that it has not.
 *
 * What is read here is the source; that every answer of the conformance suite has only headers and errors of the guide
 * is seen to by its rig.
 */
import { expect, test } from 'vitest'
import { errorsInSource, gatewaySource, listed, listedErrors } from '../testing/gateway-guide.ts'
import { GATEWAY_LIMITS } from './limits.ts'

/** Engines say these to the gateway, or the gateway only takes them out or passes them on. */
const OF_OTHERS = /^x-(compute-tokens|generated-tokens|prompt-tokens|forwarded-for)$/

/** There is one of these for each thing that is limited. */
const OF_EACH_LIMIT = /^(x-ratelimit-[a-z]+-)(?:requests|tokens)$/

test('its limits are those of the gateway', () => {
  expect(listed('Limits', 1).toSorted()).toEqual(Object.keys(GATEWAY_LIMITS).toSorted())
})

test('it lists every header of the gateway’s own', () => {
  const own = [...gatewaySource.matchAll(/['`](x-[a-z-]+)['`]/g)].map(([, name]) =>
    name!.replace(OF_EACH_LIMIT, '$1'),
  )
  expect(own.length).toBeGreaterThan(8)
  const names = [...listed('Headers of requests', 1), ...listed('Headers of answers', 1)].map((name) =>
    name.replace('…', ''),
  )
  expect([...new Set(own)].filter((name) => !OF_OTHERS.test(name) && !names.includes(name))).toEqual([])
  const isThere = (name: string) => new RegExp(`['"\`.,{ ]${name}`).test(gatewaySource)
  expect(names.filter((name) => !isThere(name))).toEqual([])
})

test('it lists every error by status, code and reason', () => {
  expect([...listedErrors].toSorted()).toEqual([...errorsInSource()].toSorted())
})
