import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { deriveKey, loadKey, SecretBox } from './secret-box.ts'

const KEY = Buffer.alloc(32, 7)
const texts = fc.string({ unit: 'grapheme' })

describe('a secret box', () => {
  const box = new SecretBox(KEY)

  test('opens whatever it sealed, and never seals the same way twice', () => {
    fc.assert(
      fc.property(texts, fc.array(texts), (text, place) => {
        const sealed = box.seal(text, place)
        expect(new SecretBox(KEY).open(sealed, place)).toBe(text)
        expect(box.seal(text, place)).not.toBe(sealed)
      }),
    )
  })

  test('refuses a value with any bit changed', () => {
    fc.assert(
      fc.property(texts, fc.nat(), fc.nat({ max: 7 }), (text, position, bit) => {
        const bytes = Buffer.from(box.seal(text, ['a']), 'base64')
        const index = position % bytes.length
        bytes[index] = (bytes[index] ?? 0) ^ (1 << bit)
        expect(() => box.open(bytes.toString('base64'), ['a'])).toThrow(/does not open/)
      }),
    )
  })

  test('refuses a value that was moved to another endpoint or name', () => {
    const sealed = box.seal('hf_abc', ['endpoint-a', 'HF_TOKEN'])
    for (const place of [
      ['endpoint-b', 'HF_TOKEN'],
      ['endpoint-a', 'OTHER'],
      ['endpoint-aHF_TOKEN'],
      ['endpoint-aH', 'F_TOKEN'],
    ]) {
      expect(() => box.open(sealed, place)).toThrow(expect.objectContaining({ reason: 'wrong_key' }))
    }
  })

  test('says that the key is wrong, which secret it was, and nothing of its value', () => {
    const sealed = new SecretBox(Buffer.alloc(32, 8)).seal('hf_abc', ['a', 'HF_TOKEN'])
    expect(() => box.open(sealed, ['a', 'HF_TOKEN'])).toThrow(
      expect.objectContaining({
        code: 'invalid',
        reason: 'wrong_key',
        message: expect.stringContaining('a/HF_TOKEN does not open with this key'),
      }),
    )
  })

  test('refuses what is no sealed value at all', () => {
    for (const sealed of ['', 'AQ==', 'hf_abc', box.seal('hf_abc', ['a']).slice(0, 20)]) {
      expect(() => box.open(sealed, ['a'])).toThrow(/does not open/)
    }
  })
})

describe('a derived key', () => {
  test('is the same for one key and purpose and differs for any other', () => {
    expect(deriveKey(KEY, 'replica-api-key')).toEqual(deriveKey(Buffer.from(KEY), 'replica-api-key'))
    expect(deriveKey(KEY, 'replica-api-key')).toHaveLength(32)
    const others = [deriveKey(KEY, 'secrets'), deriveKey(Buffer.alloc(32, 8), 'replica-api-key'), KEY]
    for (const other of others) expect(other.equals(deriveKey(KEY, 'replica-api-key'))).toBe(false)
  })

  test('does not change between releases, or what it locked would be lost', () => {
    // HKDF-SHA256, empty salt, info "berth:secrets", computed with OpenSSL:
    // openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt hexkey:0707… -kdfopt info:berth:secrets HKDF
    expect(deriveKey(KEY, 'secrets').toString('hex')).toBe(
      '7f735ad12b59f33c83c33773fd6ea0f00ce9ebcba407187c9d36fc0f625b50fc',
    )
  })
})

describe("the installation's key", () => {
  const temporaryFile = async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'berth-key-'))
    onTestFinished(() => rm(directory, { recursive: true }))
    return path.join(directory, 'key')
  }

  test('is made once, with mode 600, and found again', async () => {
    const file = await temporaryFile()
    const key = await loadKey({ file, env: undefined })
    expect(key).toHaveLength(32)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await loadKey({ file, env: undefined })).toEqual(key)
    expect(await readdir(path.dirname(file))).toEqual(['key'])
  })

  test('is one key for all who start at once', async () => {
    const file = await temporaryFile()
    const keys = await Promise.all(Array.from({ length: 8 }, () => loadKey({ file, env: undefined })))
    expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(1)
    expect(await readdir(path.dirname(file))).toEqual(['key'])
  })

  test('comes from the environment as base64 or hex, and then no file is looked at', async () => {
    const file = await temporaryFile()
    for (const env of [
      KEY.toString('base64'),
      KEY.toString('base64').replace('=', ''),
      KEY.toString('hex'),
      ` ${KEY.toString('hex').toUpperCase()}\n`,
    ]) {
      expect(await loadKey({ file, env })).toEqual(KEY)
    }
    expect(await readdir(path.dirname(file))).toEqual([])
  })

  test('is refused if it has another length, without being repeated', async () => {
    const file = await temporaryFile()
    for (const env of ['', 'hunter2', randomBytes(16).toString('hex'), randomBytes(33).toString('base64')]) {
      const error: unknown = await loadKey({ file, env }).catch((caught: unknown) => caught)
      expect(error).toMatchObject({ code: 'invalid', message: expect.stringContaining('openssl rand') })
      if (env) expect(String(error)).not.toContain(env)
    }
    await writeFile(file, 'short', { mode: 0o600 })
    await expect(loadKey({ file, env: undefined })).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining(file),
    })
    expect(await readFile(file, 'utf8')).toBe('short')
  })

  test('is refused if others may read its file, with the command that mends it', async () => {
    const file = await temporaryFile()
    const key = await loadKey({ file, env: undefined })
    for (const mode of [0o640, 0o604, 0o620]) {
      await chmod(file, mode)
      await expect(loadKey({ file, env: undefined })).rejects.toMatchObject({
        code: 'forbidden',
        message: expect.stringContaining(`chmod 600 '${file}'`),
      })
    }
    await chmod(file, 0o600)
    expect(await loadKey({ file, env: undefined })).toEqual(key)
  })

  test('says why its file cannot be used', async () => {
    const file = await temporaryFile()
    const missing = path.join(file, 'below', 'key')
    await expect(loadKey({ file: missing, env: undefined })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/below.*ENOENT/),
      cause: expect.any(Error),
    })
    await mkdir(file, { mode: 0o700 })
    await expect(loadKey({ file, env: undefined })).rejects.toMatchObject({ code: 'unavailable' })
  })
})
