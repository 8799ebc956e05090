import { expect, test } from 'vitest'
import { readServeSettings } from './serve-settings.ts'

const agreed = { acmeAgree: true } as const

test('without a word of it Berth obtains no certificate', () => {
  expect(readServeSettings({ domain: 'example.com' }, {}).acme).toBeNull()
})

test('the domain is enough, by Let’s Encrypt; its port is no part of a name', () => {
  expect(readServeSettings({ ...agreed, domain: 'Models.Example.com:8443' }, {}).acme).toEqual({
    names: ['models.example.com'],
    email: null,
    directory: 'https://acme-v02.api.letsencrypt.org/directory',
  })
})

test('further names follow the domain, each once, from flags or the environment', () => {
  const names = ['example.com', 'chat-acme.example.com']
  const domain = 'example.com'
  expect(readServeSettings({ ...agreed, domain, acmeName: names }, {}).acme?.names).toEqual(names)
  const env = { BERTH_ACME_AGREE: 'on', BERTH_ACME_NAMES: 'example.com, chat-acme.example.com,' }
  expect(readServeSettings({ domain }, env).acme?.names).toEqual(names)
  expect(
    readServeSettings(
      { ...agreed, acmeName: ['a.test'], acmeEmail: 'a@b.test', acmeDirectory: 'https://ca.test/d' },
      {},
    ).acme,
  ).toEqual({ names: ['a.test'], email: 'a@b.test', directory: 'https://ca.test/d' })
})

test.for<
  [what: string, flags: Parameters<typeof readServeSettings>[0], env: Record<string, string>, said: RegExp]
>([
  ['no agreement', { acmeEmail: 'a@b.test' }, {}, /acme-agree +is missing: an authority .*BERTH_ACME_AGREE/],
  ['names alone', {}, { BERTH_ACME_NAMES: 'a.test' }, /acme-agree +is missing/],
  ['a strange agreement', {}, { BERTH_ACME_AGREE: 'yes' }, /"yes" is not on or off/],
  ['no name', agreed, {}, /acme-name +is missing, and so is --domain/],
  ['a wildcard', { ...agreed, acmeName: ['*.a.test'] }, {}, /"\*\.a\.test" needs proof by DNS.*--tls-cert/],
  ['an address', { ...agreed, acmeName: ['192.0.2.1'] }, {}, /"192\.0\.2\.1" is an address/],
  ['no name at all', { ...agreed, acmeName: ['no name'] }, {}, /"no name" is not a name such as/],
  ['a single label', { ...agreed, domain: 'localhost' }, {}, /"localhost" is not a name such as/],
  ['no address', { ...agreed, acmeName: ['a.test'], acmeEmail: 'me' }, {}, /"me" is not an e-mail address/],
  [
    'plain http',
    { ...agreed, acmeName: ['a.test'], acmeDirectory: 'http://ca' },
    {},
    /"http:\/\/ca" is not an https/,
  ],
  [
    'too many',
    { ...agreed, acmeName: Array.from({ length: 101 }, (_, at) => `n${at}.test`) },
    {},
    /101 names/,
  ],
  [
    'files beside it',
    { ...agreed, acmeName: ['a.test'], tlsCert: '/c', tlsKey: '/k' },
    {},
    /acme-agree +is given, and --tls-cert too: it is one or the other/,
  ],
])('%s is refused by name', ([, flags, env, said]) => {
  expect(() => readServeSettings(flags, env)).toThrow(said)
})
