/** Has a process order a certificate: `order-main.ts`. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { messageOf, PlatformError } from '../domain/errors.ts'
import type { CertificatePair } from '../link/messages.ts'
import type { OrderCertificate, OrderStep } from './certificate-order.ts'

const PROGRAM = path.join(import.meta.dirname, 'order-main.ts')
/** How an authority is reached and whom to trust; the rest of the environment is not its business. */
const PASSED_ON = /^(PATH|https?_proxy|no_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR))$/i
const WORDS = 2_000

export const orderByProcess: OrderCertificate = async (wish, { registered, prove }, signal) => {
  signal.throwIfAborted()
  const child = spawn(process.execPath, [PROGRAM], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => PASSED_ON.test(name))),
    signal,
  })
  let issued: CertificatePair | undefined
  let failure: string | undefined
  let words = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-WORDS)
  })
  child.on('message', (step: OrderStep) => {
    if (step.kind === 'registered') return registered(step.accountUrl)
    if (step.kind === 'proof') return prove(step.name, step.proof)
    if (step.kind === 'issued') issued = step.pair
    else failure = step.message
  })
  const closed = once(child, 'close')
  child.send(wish)
  await closed.catch((error) => {
    signal.throwIfAborted()
    throw new PlatformError('unavailable', `The certificate could not be ordered: ${messageOf(error)}.`)
  })
  if (issued) return issued
  throw new PlatformError('unavailable', failure ?? `the process that ordered ended: ${words.trim()}`)
}
