import { expect, test } from 'vitest'
import { requestTarget } from './request-target.ts'

const at = (method: string, url: string, host = 'berth.test') =>
  requestTarget(method, url, host, 'berth.test')

test.for([
  ['GET', '/livez', { kind: 'livez' }],
  ['GET', '/readyz?x', { kind: 'readyz' }],
  ['GET', '/e/acme/chat', { kind: 'endpoint', namespace: 'acme', name: 'chat', path: '/' }],
  ['GET', '/e/acme/chat?a=1', { kind: 'endpoint', namespace: 'acme', name: 'chat', path: '/?a=1' }],
  [
    'POST',
    '/e/acme/chat/v1/x?a=/b',
    { kind: 'endpoint', namespace: 'acme', name: 'chat', path: '/v1/x?a=/b' },
  ],
  ['POST', '/e/acme/chat/livez', { kind: 'endpoint', namespace: 'acme', name: 'chat', path: '/livez' }],
  ['POST', '/v1/chat/completions?x=1', { kind: 'model', path: '/v1/chat/completions?x=1' }],
  ['POST', '/v1/audio/transcriptions', { kind: 'model', path: '/v1/audio/transcriptions' }],
  ['GET', '/v1/models', { kind: 'models', id: undefined }],
  ['GET', '/v1/models/acme/chat', { kind: 'models', id: 'acme/chat' }],
  ['GET', '/v1/chat/completions', { kind: 'control' }],
  ['GET', '/v2/endpoint/acme', { kind: 'control' }],
  ['GET', '/metrics', { kind: 'metrics' }],
  ['POST', '/metrics', { kind: 'control' }],
  ['GET', '/e/acme/chat/metrics', { kind: 'endpoint', namespace: 'acme', name: 'chat', path: '/metrics' }],
  ['GET', '/e', { kind: 'control' }],
  ['GET', '/', { kind: 'control' }],
] as const)('%s %s', ([method, url, target]) => {
  expect(at(method, url)).toEqual(target)
})

test('a host below the domain names the endpoint, whatever its path', () => {
  expect(at('GET', '/livez', 'Chat-Acme.berth.test:8080')).toEqual({
    kind: 'host',
    label: 'chat-acme',
    path: '/livez',
  })
  expect(at('GET', '/', 'a.b.berth.test')).toEqual({ kind: 'control' })
  expect(at('GET', '/', 'chat-acme.evilberth.test')).toEqual({ kind: 'control' })
})

test('a target that is no path, or half an endpoint, is refused', () => {
  for (const url of ['http://x/e/a/b', '*', '/e/acme', '/e/acme/', '/e//chat/x']) {
    expect(at('GET', url).kind).toBe('refused')
  }
})
