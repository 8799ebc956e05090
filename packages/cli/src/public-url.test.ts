import { expect, test } from 'vitest'
import { readPublicUrl } from './public-url.ts'
import { readServeSettings } from './serve-settings.ts'

test.for<[given: string | undefined, read: string | null]>([
  [undefined, null],
  ['', null],
  ['https://models.example.org', 'https://models.example.org'],
  ['https://Models.Example.org/', 'https://models.example.org'],
  ['https://models.example.org:443', 'https://models.example.org'],
  ['http://10.0.0.5:8080', 'http://10.0.0.5:8080'],
  ['http://[fd00::1]:8080/', 'http://[fd00::1]:8080'],
])('%j is read as %j', ([given, read]) => {
  const mistakes: { flag: string; text: string }[] = []
  expect(readPublicUrl(given, mistakes)).toBe(read)
  expect(mistakes).toEqual([])
})

test.for<[given: string, problem: string]>([
  ['models.example.org', 'is not a URL such as https://'],
  ['ftp://models.example.org', 'is not a URL such as https://'],
  ['https://', 'is not a URL such as https://'],
  ['https://models.example.org/berth', 'has a path'],
  ['https://models.example.org/?a=b', 'has a path'],
  ['https://models.example.org/#x', 'has a path'],
  ['https://ada:secret@models.example.org', 'has a name or password'],
  ['http://0.0.0.0:8080', 'is every address of this machine'],
  ['http://[::]:8080', 'is every address of this machine'],
])('%j is refused: it %s', ([given, problem]) => {
  expect(() => readServeSettings({ publicUrl: given }, {})).toThrow(problem)
  expect(() => readServeSettings({}, { BERTH_PUBLIC_URL: given })).toThrow('(--public-url, BERTH_PUBLIC_URL)')
})

test('a password is not said again', () => {
  const mistakes: { flag: string; text: string }[] = []
  readPublicUrl('https://ada:secret@example.org', mistakes)
  expect(mistakes).toHaveLength(1)
  expect(mistakes[0]!.text).not.toContain('secret')
})

test('with a certificate by name it is that name, unless another is given', () => {
  const publicUrl = (flags: object) =>
    readServeSettings({ acmeAgree: true, acmeName: ['Chat.example.org'], ...flags }, {}).publicUrl
  expect(publicUrl({})).toBe('https://chat.example.org')
  expect(publicUrl({ domain: 'models.example.org:8443' })).toBe('https://models.example.org:8443')
  expect(publicUrl({ publicUrl: 'https://other.example.org' })).toBe('https://other.example.org')
})
