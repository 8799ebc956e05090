/** The keeper of certificates, where Berth obtains them: what it says goes to every gateway. */
import type { CertificateKeeper } from './certificates/certificate-keeper.ts'
import type { Clock } from './platform/clock.ts'
import type { Home } from './platform/home.ts'
import type { Log } from './platform/log.ts'
import type { Routing } from './routing.ts'
import type { AcmeSettings } from './settings.ts'
import { SecretBox } from './store/secret-box.ts'

type CertificateRooms = {
  readonly home: Home
  readonly key: Buffer
  readonly clock: Clock
  readonly log: Log
  readonly routing: Routing
}

const PLACE = ['certificate']

/** @throws PlatformError `invalid` with reason `wrong_key` when what is kept does not open. */
export async function openCertificates(
  acme: AcmeSettings | null,
  { home, key, clock, log, routing }: CertificateRooms,
): Promise<CertificateKeeper | undefined> {
  if (!acme) return undefined
  // Loaded by those who use it only.
  const [{ CertificateKeeper }, { orderByProcess }] = await Promise.all([
    import('./certificates/certificate-keeper.ts'),
    import('./certificates/order-process.ts'),
  ])
  const box = new SecretBox(key)
  return await CertificateKeeper.open({
    ...acme,
    clock,
    log,
    file: home.certificateFile,
    statusFile: home.certificateStatus,
    seal: { seal: (text) => box.seal(text, PLACE), open: (sealed) => box.open(sealed, PLACE) },
    order: orderByProcess,
    show: (certificates) => routing.show(certificates),
  })
}
