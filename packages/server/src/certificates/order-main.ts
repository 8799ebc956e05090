/**
 * Orders one certificate and ends. It is a process of its own since the library takes 40 MB for what happens six times
 * a year, waits by timers of its own, and needs none of the secrets that the control process has.
 */
import acme from 'acme-client'
import { messageOf } from '../domain/errors.ts'
import type { OrderStep, OrderWish } from './certificate-order.ts'

/** The only proof that needs neither a second port nor a hand in the DNS. */
const PROOF = 'tls-alpn-01'
/** Between two looks whether the authority has made up its mind. */
const FIRST_LOOK_MS = 1_000
const LONGEST_LOOK_MS = 10_000
const LOOKS = 30

process.once('disconnect', () => process.exit(1))
process.once('message', (wish: OrderWish) => {
  void order(wish)
    .then<OrderStep, OrderStep>(
      (pair) => ({ kind: 'issued', pair }),
      async (error) => ({ kind: 'failed', message: await reasonOf(error, wish.directory) }),
    )
    .then(say)
    .then(() => process.exit())
})

async function order({ directory, accountKey, accountUrl, email, names }: OrderWish) {
  const client = new acme.Client({
    directoryUrl: directory,
    accountKey,
    ...(accountUrl === null ? {} : { accountUrl }),
    backoffAttempts: LOOKS,
    backoffMin: FIRST_LOOK_MS,
    backoffMax: LONGEST_LOOK_MS,
  })
  if (accountUrl === null) {
    await client.createAccount({
      termsOfServiceAgreed: true,
      ...(email === null ? {} : { contact: [`mailto:${email}`] }),
    })
    await say({ kind: 'registered', accountUrl: client.getAccountUrl() })
  }
  const key = await acme.crypto.createPrivateEcdsaKey()
  const [, csr] = await acme.crypto.createCsr({ altNames: [...names] }, key)
  const certificate = await client.auto({
    csr,
    // It would look at port 443 of the name from here, which says nothing about who looks from outside.
    skipChallengeVerification: true,
    challengePriority: [PROOF],
    challengeCreateFn: async (authorization, challenge, keyAuthorization) => {
      const name = authorization.identifier.value
      // The library's types do not know of it.
      const offered: string = challenge.type
      if (offered !== PROOF) throw new Error(`the authority takes no ${PROOF} as proof of ${name}`)
      const proofKey = await acme.crypto.createPrivateEcdsaKey()
      const [, proof] = await acme.crypto.createAlpnCertificate(authorization, keyAuthorization, proofKey)
      await say({ kind: 'proof', name, proof: { certificate: String(proof), key: String(proofKey) } })
    },
    challengeRemoveFn: ({ identifier }) => say({ kind: 'proof', name: identifier.value, proof: null }),
  })
  return { certificate, key: String(key) }
}

function say(step: OrderStep): Promise<void> {
  return new Promise((resolve) => process.send!(step, () => resolve()))
}

/** The library stumbles over requests that got no answer, and loses why: that is asked once more. */
async function reasonOf(error: unknown, directory: string): Promise<string> {
  const silence = await fetch(directory).then(
    () => undefined,
    (failed: Error & { readonly cause?: { readonly code?: string; readonly message?: string } }) =>
      failed.cause?.code ?? failed.cause?.message ?? failed.message,
  )
  return silence === undefined
    ? messageOf(error)
    : `the authority at ${directory} cannot be reached: ${silence}`
}
