/** The settings of `berth serve` about certificates that it obtains, from flags, then the environment. */
import { isIP } from 'node:net'
import type { Environment } from './serve-settings.ts'

export type AcmeSettings = {
  /** At least one; the certificate is for all of them. */
  readonly names: readonly string[]
  readonly email: string | null
  /** An https URL. */
  readonly directory: string
}

export type AcmeFlags = {
  readonly acmeAgree?: boolean
  readonly acmeName?: readonly string[]
  readonly acmeEmail?: string
  readonly acmeDirectory?: string
}

type Mistake = { readonly flag: string; readonly text: string }

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory'
/** As many as Let's Encrypt puts into one certificate. */
const MOST_NAMES = 100
const LONGEST_NAME = 253
const SWITCH: Readonly<Record<string, boolean>> = { on: true, off: false }

/**
 * @param domain of `--domain`, perhaps with a port; it comes first among the names.
 * @param mistakes gets what is wrong.
 */
export function readAcmeSettings(
  flags: AcmeFlags,
  env: Environment,
  domain: string | null,
  mistakes: Mistake[],
): AcmeSettings | null {
  const say = (flag: string, text: string) => void mistakes.push({ flag, text: `${text}   ${whereOf(flag)}` })
  const listed = flags.acmeName ?? (env['BERTH_ACME_NAMES'] ?? '').split(',')
  const email = flags.acmeEmail ?? (env['BERTH_ACME_EMAIL'] || null)
  const directory = flags.acmeDirectory ?? (env['BERTH_ACME_DIRECTORY'] || undefined)
  const agreement = env['BERTH_ACME_AGREE'] || 'off'
  const names = [domain?.replace(/:\d+$/, '') ?? '', ...listed].map((name) => name.trim().toLowerCase())
  const wanted = [...new Set(names)].filter(Boolean)

  if (SWITCH[agreement] === undefined) say('acme-agree', `"${agreement}" is not on or off`)
  if (!(flags.acmeAgree ?? SWITCH[agreement])) {
    if (email !== null || directory !== undefined || listed.some(Boolean))
      say('acme-agree', 'is missing: an authority gives certificates to who agrees to its terms')
    return null
  }
  if (wanted.length === 0)
    say('acme-name', 'is missing, and so is --domain: for which name is the certificate?')
  if (wanted.length > MOST_NAMES)
    say('acme-name', `${wanted.length} names are too many: a certificate has ${MOST_NAMES} at most`)
  for (const name of wanted) {
    const problem = problemOf(name)
    if (problem) say('acme-name', `"${name}" ${problem}`)
  }
  if (email !== null && !/^[^\s@]+@[^\s@]+$/.test(email))
    say('acme-email', `"${email}" is not an e-mail address`)
  if (directory !== undefined && !/^https:\/\//.test(directory))
    say('acme-directory', `"${directory}" is not an https URL`)
  return { names: wanted, email, directory: directory ?? LETS_ENCRYPT }
}

function whereOf(flag: string): string {
  const variable = flag === 'acme-name' ? 'ACME_NAMES' : flag.toUpperCase().replace('-', '_')
  return `(--${flag}, BERTH_${variable})`
}

function problemOf(name: string): string | undefined {
  if (name.startsWith('*.')) {
    return 'needs proof by DNS, which Berth does not give: list the names, or bring a certificate with --tls-cert'
  }
  if (isIP(name) > 0) return 'is an address: Berth obtains certificates for names only'
  const isName = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/.test(name)
  return isName && name.length <= LONGEST_NAME ? undefined : 'is not a name such as models.example.org'
}
