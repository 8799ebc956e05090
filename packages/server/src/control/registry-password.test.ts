import type { Image } from '@berth/contract'
import { expect, test } from 'vitest'
import { REGISTRY_PASSWORD, registryLogin } from '../domain/registry-login.ts'
import { withoutPassword } from './registry-password.ts'

const asked = (username: string, password: string): Image => ({
  custom: { url: 'registry.test/a:1', credentials: { username, password } },
})

test('a password goes to the secrets and nowhere else', () => {
  const { image, secrets } = withoutPassword(asked('ada', 'hidden'), undefined)
  expect(image).toEqual(asked('ada', ''))
  expect(secrets).toEqual({ [REGISTRY_PASSWORD]: 'hidden' })
  expect(registryLogin(image, { [REGISTRY_PASSWORD]: 'hidden', OTHER: 'x' })).toEqual({
    username: 'ada',
    password: 'hidden',
  })
})

test('what was shown may be sent back: an empty password is the one that is kept', () => {
  expect(withoutPassword(asked('ada', ''), asked('ada', '')).secrets).toEqual({})
})

test('an empty password for somebody else is refused by name', () => {
  for (const before of [undefined, asked('bob', '')]) {
    expect(() => withoutPassword(asked('ada', ''), before)).toThrow(
      expect.objectContaining({ field: 'model.image.custom.credentials.password' }),
    )
  }
})

test('without credentials the password is forgotten, and nobody logs in', () => {
  const open: Image = { custom: { url: 'registry.test/a:1' } }
  expect(withoutPassword(open, asked('ada', ''))).toEqual({
    image: open,
    secrets: { [REGISTRY_PASSWORD]: null },
  })
  expect(withoutPassword({ llamacpp: {} }, undefined).secrets).toEqual({})
  expect(registryLogin(open, { [REGISTRY_PASSWORD]: 'hidden' })).toBeUndefined()
  expect(registryLogin(asked('ada', ''), {})).toBeUndefined()
})
