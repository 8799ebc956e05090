/** What is kept of certificates: one file, encrypted as other secrets are, and whole or as it was before. */
import { generateKeyPairSync, randomUUID, X509Certificate } from 'node:crypto'
import { open, readFile, rename } from 'node:fs/promises'
import type { IssuedFacts, OrderFailures } from '../domain/certificate-plan.ts'
import type { CertificatePair } from '../link/messages.ts'

export type CertificateRecord = {
  /** Of the authority that the account is with. */
  readonly directory: string
  /** In PEM. */
  readonly accountKey: string
  /** Null until the authority knows it. */
  readonly accountUrl: string | null
  readonly issued: IssuedCertificate | null
  readonly failures: OrderFailures | null
}

export type IssuedCertificate = {
  readonly names: readonly string[]
  readonly directory: string
  readonly pair: CertificatePair
  /** Milliseconds since the epoch. */
  readonly obtainedAt: number
}

/** Encrypts and decrypts, for this one purpose. */
export type Seal = { readonly seal: (text: string) => string; readonly open: (sealed: string) => string }

/** With a new account. */
export function emptyRecord(directory: string): CertificateRecord {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const accountKey = privateKey.export({ type: 'pkcs8', format: 'pem' })
  return { directory, accountKey, accountUrl: null, issued: null, failures: null }
}

/** @throws PlatformError `invalid` with reason `wrong_key` if it was sealed with another key. */
export async function readRecord(
  file: string,
  { open: unseal }: Seal,
): Promise<CertificateRecord | undefined> {
  const sealed = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined
    throw cause
  })
  return sealed === undefined ? undefined : JSON.parse(unseal(sealed.trim()))
}

export async function writeRecord(file: string, record: CertificateRecord, { seal }: Seal): Promise<void> {
  const draft = `${file}.${randomUUID()}`
  const handle = await open(draft, 'wx', 0o600)
  try {
    await handle.writeFile(`${seal(JSON.stringify(record))}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(draft, file)
}

export function factsOf({ names, directory, pair, obtainedAt }: IssuedCertificate): IssuedFacts {
  const { validFrom, validTo, fingerprint256 } = new X509Certificate(pair.certificate)
  return {
    names,
    directory,
    obtainedAt,
    validFrom: Date.parse(validFrom),
    expiresAt: Date.parse(validTo),
    fingerprint: fingerprint256,
  }
}
