import { homedir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { readServeSettings } from './serve-settings.ts'

test('without flags and environment it serves on loopback only, from ~/.berth', () => {
  expect(readServeSettings({}, {})).toEqual({
    home: path.join(homedir(), '.berth'),
    host: '127.0.0.1',
    port: 8080,
    store: 'sqlite',
    modelsRoots: [],
    domain: null,
    publicUrl: null,
    gatewayWorkers: 1,
    accessLog: false,
    tls: null,
    acme: null,
    logLevel: 'info',
    runtimes: ['process'],
  })
})

test('a flag wins over the environment, and an empty variable is none', () => {
  const env = { BERTH_PORT: '1', BERTH_HOST: '', BERTH_HOME: '/var/berth', BERTH_STORE: 'postgres://u@h/db' }
  expect(readServeSettings({ port: '0' }, env)).toMatchObject({
    port: 0,
    host: '127.0.0.1',
    home: '/var/berth',
    store: 'postgres://u@h/db',
  })
})

test('models roots become absolute, from flags or a list in the environment', () => {
  expect(readServeSettings({ modelsRoot: ['/a', 'b'] }, {}).modelsRoots).toEqual(['/a', path.resolve('b')])
  expect(readServeSettings({}, { BERTH_MODELS_ROOTS: '/a:/b' }).modelsRoots).toEqual(['/a', '/b'])
})

test('every wrong setting is reported at the same time', () => {
  const flags = { port: 'eighty', store: 'sqlit', logLevel: 'loud', domain: 'no domain' }
  expect(() => readServeSettings(flags, {})).toThrow(
    [
      'Cannot start: 4 settings are wrong.',
      '  port       "eighty" is not a number between 0 and 65535   (--port, BERTH_PORT)',
      '  store      "sqlit" is not sqlite or a postgres:// URL   (--store, BERTH_STORE)',
      '  domain     "no domain" is not a domain such as models.example.org   (--domain, BERTH_DOMAIN)',
      '  log-level  "loud" is not one of: debug, info, warn, error, silent   (--log-level, BERTH_LOG_LEVEL)',
    ].join('\n'),
  )
})

test.each(['65536', '-1', '1.5', '', ' 80'])('the port %j is refused', (port) => {
  expect(() => readServeSettings({ port }, {})).toThrow(/port/)
})

test.each(['0', '65', '1.5', 'all'])('%j gateway workers are refused', (gatewayWorkers) => {
  expect(() => readServeSettings({ gatewayWorkers }, {})).toThrow(/gateway-workers .*between 1 and 64/)
})

test('a certificate needs its key', () => {
  expect(readServeSettings({ tlsCert: '/c.pem', tlsKey: '/k.pem' }, {}).tls).toEqual({
    certificate: '/c.pem',
    key: '/k.pem',
  })
  expect(() => readServeSettings({ tlsCert: '/c.pem' }, {})).toThrow(
    /tls-key +is missing, and --tls-cert is given/,
  )
  expect(() => readServeSettings({}, { BERTH_TLS_KEY: '/k.pem' })).toThrow(/BERTH_TLS_CERT/)
})

test.for<[given: string, runtimes: readonly string[]]>([
  ['docker', ['docker']],
  ['process,docker', ['process', 'docker']],
  ['docker, process', ['docker', 'process']],
])('--runtime %s is %j', ([runtime, runtimes]) => {
  expect(readServeSettings({ runtime }, {}).runtimes).toEqual(runtimes)
})

test.for(['podman', 'docker,docker', 'process,', ','])('--runtime %s is refused', (runtime) => {
  expect(() => readServeSettings({ runtime }, {})).toThrow(/is not one of: process, docker, or both/)
})
