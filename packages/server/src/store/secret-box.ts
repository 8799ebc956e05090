/**
 * The installation's key, and what is locked with it.
 *
 * One random 32-byte key per installation. It never encrypts anything itself: each purpose gets a key derived from
 * it, so that a value made for one purpose means nothing for another. Where secrets are kept is left to `sql/`.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { link, open, unlink } from 'node:fs/promises'
import path from 'node:path'
import { messageOf, PlatformError } from '../domain/errors.ts'

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** The first byte of every sealed value, so that a later format can stand beside this one. */
const FORMAT = 1
const OTHERS_MAY_ACCESS = 0o077

/** A key for one purpose, for example `replica-api-key`. The same key and purpose always give the same. */
export function deriveKey(key: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', `berth:${purpose}`, KEY_BYTES))
}

/** Encrypts values for the place where they lie: moved to another place, or under another key, they do not open. */
export class SecretBox {
  readonly #key: Buffer

  constructor(key: Buffer) {
    this.#key = deriveKey(key, 'secrets')
  }

  /** @param place the endpoint's id and the secret's name, say; needed again to open it. */
  seal(text: string, place: readonly string[]): string {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(additionalData(place))
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
    return Buffer.concat([Buffer.of(FORMAT), nonce, body, cipher.getAuthTag()]).toString('base64')
  }

  /** @throws PlatformError `invalid` with reason `wrong_key` if it was sealed with another key or elsewhere, or altered. */
  open(sealed: string, place: readonly string[]): string {
    const bytes = Buffer.from(sealed, 'base64')
    const nonce = bytes.subarray(1, 1 + NONCE_BYTES)
    try {
      if (bytes[0] !== FORMAT) throw new Error(`Format ${bytes[0]} is not known.`)
      const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: TAG_BYTES })
      decipher.setAAD(additionalData(place))
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
      const body = bytes.subarray(1 + NONCE_BYTES, -TAG_BYTES)
      return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8')
    } catch (cause) {
      throw new PlatformError(
        'invalid',
        `The secret ${place.join('/')} does not open with this key. Start Berth with the key that it was stored with.`,
        { reason: 'wrong_key', cause },
      )
    }
  }
}

/** JSON, because ["a", "bc"] and ["ab", "c"] must differ. */
const additionalData = (place: readonly string[]) => Buffer.from(JSON.stringify(place))

/**
 * The installation's key: `env` (the text of an environment variable) if there is one, else what `file` holds.
 * A file that is missing is made, whole or not at all, with a new random key and mode 600.
 */
export async function loadKey(options: {
  readonly file: string
  readonly env: string | undefined
}): Promise<Buffer> {
  if (options.env !== undefined) return parseKey(options.env, 'The key in the environment')
  try {
    return (await readKeyFile(options.file)) ?? (await createKeyFile(options.file))
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause
    throw new PlatformError(
      'unavailable',
      `The key file ${options.file} cannot be used: ${messageOf(cause)}. Make its directory writable, or give the key in the environment.`,
      { reason: 'key_file', cause },
    )
  }
}

function parseKey(text: string, whose: string): Buffer {
  const trimmed = text.trim()
  if (/^[0-9a-f]{64}$/i.test(trimmed)) return Buffer.from(trimmed, 'hex')
  if (/^[A-Za-z0-9+/]{43}=?$/.test(trimmed)) return Buffer.from(trimmed, 'base64')
  // The length helps whoever looks for the mistake; the text itself may be most of a key.
  throw new PlatformError(
    'invalid',
    `${whose} must be ${KEY_BYTES} bytes as base64 or hex, and is ${trimmed.length} characters of something else. ` +
      `Make one with: openssl rand -base64 ${KEY_BYTES}`,
    { reason: 'malformed_key' },
  )
}

async function readKeyFile(file: string): Promise<Buffer | undefined> {
  const handle = await open(file, constants.O_RDONLY).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined
    throw cause
  })
  if (!handle) return undefined
  try {
    const { mode } = await handle.stat()
    // Windows has no such bits; what stat reports there says nothing about who may read.
    if (process.platform !== 'win32' && (mode & OTHERS_MAY_ACCESS) !== 0) {
      throw new PlatformError(
        'forbidden',
        `Others may read the key file ${file} (mode ${(mode & 0o777).toString(8)}). Run: chmod 600 '${file}'`,
        { reason: 'key_file_mode' },
      )
    }
    return parseKey(await handle.readFile('utf8'), `The key in ${file}`)
  } finally {
    await handle.close()
  }
}

async function createKeyFile(file: string): Promise<Buffer> {
  const draft = `${file}.${randomBytes(6).toString('hex')}.new`
  const handle = await open(draft, 'wx', 0o600)
  try {
    await handle.writeFile(`${randomBytes(KEY_BYTES).toString('base64')}\n`)
    await handle.sync()
    // A link appears with its whole content or not at all, and never replaces a key that another process made.
    await link(draft, file).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EEXIST') throw cause
    })
  } finally {
    await handle.close()
    await unlink(draft)
  }
  await syncDirectory(path.dirname(file))
  const key = await readKeyFile(file)
  if (!key) throw new Error('it was removed as soon as it was made')
  return key
}

/** Without it a power cut could leave a database full of secrets and no key. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(directory, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
