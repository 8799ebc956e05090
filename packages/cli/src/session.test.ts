import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type GlobalFlags, type Known, readKnown, saveLogin, serverToken, serverUrl } from './session.ts'

const nothing: Known = { login: {}, gatewayUrl: undefined, homeToken: undefined }
const everything: Known = {
  login: { url: 'https://saved.example', token: 'saved' },
  gatewayUrl: 'http://127.0.0.1:9999',
  homeToken: 'home',
}

async function temporaryHome(): Promise<string> {
  const home = await mkdtemp(path.join(tmpdir(), 'berth-cli-'))
  onTestFinished(() => rm(home, { recursive: true, force: true }))
  return home
}

test.each<[string, GlobalFlags, Record<string, string>, Known, string, string | undefined]>([
  ['nothing known', {}, {}, nothing, 'http://127.0.0.1:8080', undefined],
  ['a server ran here', {}, {}, { ...everything, login: {} }, 'http://127.0.0.1:9999', 'home'],
  ['signed in', {}, {}, everything, 'https://saved.example', 'saved'],
  ['the environment', {}, { BERTH_URL: 'http://e/', BERTH_TOKEN: 'env' }, everything, 'http://e', 'env'],
  [
    'flags',
    { url: 'http://f', token: 'flag' },
    { BERTH_URL: 'http://e', BERTH_TOKEN: 'env' },
    everything,
    'http://f',
    'flag',
  ],
  [
    'a foreign URL gets no saved token',
    { url: 'http://evil.example' },
    {},
    everything,
    'http://evil.example',
    undefined,
  ],
  [
    'another port of this machine gets the home token',
    { url: 'http://localhost:1' },
    {},
    everything,
    'http://localhost:1',
    'home',
  ],
])('%s decides where the server is and which token it gets', (_case, flags, env, known, url, token) => {
  expect(serverUrl(flags, env, known)).toBe(url)
  expect(serverToken(flags, env, known)).toBe(token)
})

test.each(['localhost:8080', 'ftp://x', 'http://'])('the URL %s is wrong usage', (url) => {
  expect(() => serverUrl({ url }, {}, nothing)).toThrow(expect.objectContaining({ exitCode: 2 }))
})

test('a login is read back, and only its owner may read it', async () => {
  const home = path.join(await temporaryHome(), 'new')
  const file = await saveLogin(home, { url: 'http://a', token: 't' })
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(await readKnown(home)).toEqual({ ...nothing, login: { url: 'http://a', token: 't' } })
})

test('a damaged login is named with the way out', async () => {
  const home = await temporaryHome()
  await writeFile(path.join(home, 'cli.json'), '{')
  await expect(readKnown(home)).rejects.toThrow(/cli\.json is not JSON: delete it/)
})
