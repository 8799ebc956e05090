import { randomBytes, X509Certificate } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { ShownCertificates } from '../link/messages.ts'
import { silentLog } from '../platform/log.ts'
import { SecretBox } from '../store/secret-box.ts'
import { FIRST, SECOND } from '../testing/certificates.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { CertificateKeeper, type KeeperRooms } from './certificate-keeper.ts'
import type { OrderCertificate } from './certificate-order.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const DIRECTORY = 'https://ca.test/directory'
const PLACE = ['certificate']

const pairOf = ({ certificate, key }: typeof FIRST) => ({ certificate, key })
const bornAt = Date.parse(new X509Certificate(FIRST.certificate).validFrom)
const lifeMs = Date.parse(new X509Certificate(FIRST.certificate).validTo) - bornAt

async function installation() {
  const home = await mkdtemp(path.join(tmpdir(), 'certificates-'))
  onTestFinished(() => rm(home, { recursive: true, force: true }))
  const key = randomBytes(32)
  const clock = new FakeClock(bornAt)
  const shown: ShownCertificates[] = []
  const files = { file: path.join(home, 'certificate'), statusFile: path.join(home, 'certificate.json') }

  const start = async (order: OrderCertificate, more: Partial<KeeperRooms> = {}, secret = key) => {
    const box = new SecretBox(secret)
    const keeper = await CertificateKeeper.open({
      clock,
      log: silentLog,
      directory: DIRECTORY,
      email: null,
      names: ['berth.test'],
      ...files,
      seal: { seal: (text) => box.seal(text, PLACE), open: (sealed) => box.open(sealed, PLACE) },
      order,
      show: (certificates) => shown.push(certificates),
      ...more,
    })
    const stopping = new AbortController()
    const ended = keeper.run(stopping.signal)
    const stop = async () => {
      stopping.abort()
      await ended
    }
    onTestFinished(stop)
    return { keeper, stop }
  }
  const settled = (look: () => unknown) => vi.waitFor(look, { timeout: 10_000, interval: 5 })
  const asleep = () => settled(() => expect(clock.sleeping).toBe(1))
  return { home, clock, shown, ...files, start, settled, asleep }
}

/** Issues one certificate after another, and fails when it has no more. */
function authority(...pairs: readonly (typeof FIRST)[]) {
  const left = [...pairs]
  return vi.fn<OrderCertificate>(async (_wish, { prove, registered }) => {
    registered('https://ca.test/account/1')
    prove('berth.test', pairOf(SECOND))
    await Promise.resolve()
    const next = left.shift()
    if (!next) throw new Error('no route to the authority')
    return pairOf(next)
  })
}

test('the first is ordered at once, with proofs shown meanwhile and no longer', async () => {
  const { shown, start, settled } = await installation()
  const order = authority(FIRST)
  const { keeper } = await start(order, { email: 'ops@berth.test' })
  await settled(() => expect(keeper.status.expiresAt).toBe(bornAt + lifeMs))
  await settled(() => expect(shown.at(-1)).toEqual({ own: pairOf(FIRST), proofs: {} }))
  expect(shown).toContainEqual({ own: null, proofs: { 'berth.test': pairOf(SECOND) } })
  expect(order.mock.calls[0]![0]).toMatchObject({
    ...{ directory: DIRECTORY, email: 'ops@berth.test', names: ['berth.test'] },
    accountKey: expect.stringContaining('PRIVATE KEY'),
  })
})

test('what is kept can be read by nobody else, and shows no key to who reads the disk', async () => {
  const { file, statusFile, start, settled } = await installation()
  const { keeper } = await start(authority(FIRST))
  await settled(() => expect(keeper.status.expiresAt).not.toBeNull())
  await settled(async () =>
    expect(JSON.parse(await readFile(statusFile, 'utf8')).expiresAt).toBeGreaterThan(0),
  )
  for (const name of [file, statusFile]) {
    expect((await stat(name)).mode & 0o777).toBe(0o600)
    expect(await readFile(name, 'utf8')).not.toContain('PRIVATE')
  }
})

test('after a restart it is shown at once and not ordered again, by the same account', async () => {
  const { home, shown, start, settled } = await installation()
  const first = authority(FIRST)
  const before = await start(first)
  await settled(() => expect(before.keeper.status.expiresAt).not.toBeNull())
  await before.stop()
  shown.length = 0
  const second = authority(SECOND)
  await start(second)
  expect(shown).toEqual([{ own: pairOf(FIRST), proofs: {} }])
  expect(second).not.toHaveBeenCalled()
  expect((await readdir(home)).toSorted()).toEqual(['certificate', 'certificate.json'])
})

test('it is renewed before it expires, without a restart', async () => {
  const { clock, shown, start, settled, asleep } = await installation()
  const order = authority(FIRST, SECOND)
  const { keeper } = await start(order)
  await settled(() => expect(keeper.status.expiresAt).not.toBeNull())
  await asleep()
  // The certificates of the tests live for a hundred years, which is a million looks: the clock is set instead.
  clock.jump(lifeMs / 2)
  await clock.advance(60 * MINUTE)
  expect(order).toHaveBeenCalledTimes(1)
  clock.jump(lifeMs / 6)
  await clock.advance(60 * MINUTE)
  await settled(() => expect(shown.at(-1)?.own).toEqual(pairOf(SECOND)))
  expect(order).toHaveBeenCalledTimes(2)
  const [first, second] = order.mock.calls.map(([wish]) => wish)
  expect(first!.accountUrl).toBeNull()
  expect(second).toEqual({ ...first, accountUrl: 'https://ca.test/account/1' })
})

test('what fails takes nothing away, is said, and is tried again ever more rarely', async () => {
  const { clock, shown, statusFile, start, settled, asleep } = await installation()
  const order = authority(FIRST)
  const { keeper } = await start(order)
  await settled(() => expect(keeper.status.expiresAt).not.toBeNull())
  await asleep()
  clock.jump((lifeMs * 2) / 3)
  await clock.advance(60 * MINUTE)
  await settled(() =>
    expect(keeper.status.failure).toMatchObject({ count: 1, message: 'no route to the authority' }),
  )
  const first = keeper.status.nextOrderAt - clock.now()
  await settled(async () => expect(JSON.parse(await readFile(statusFile, 'utf8')).failure.count).toBe(1))
  await asleep()
  await clock.advance(first)
  await settled(() => expect(keeper.status.failure?.count).toBe(2))
  expect(keeper.status.nextOrderAt - clock.now()).toBeGreaterThan(first)
  await settled(() => expect(shown.at(-1)).toEqual({ own: pairOf(FIRST), proofs: {} }))
})

test('a failure is remembered over a restart, and forgotten where the clock was set back', async () => {
  const { clock, start, settled } = await installation()
  const before = await start(authority())
  await settled(() => expect(before.keeper.status.failure?.count).toBe(1))
  await before.stop()
  await clock.advance(MINUTE)
  const order = authority(FIRST)
  const { keeper } = await start(order)
  expect(order).not.toHaveBeenCalled()
  expect(keeper.status.nextOrderAt).toBeGreaterThan(clock.now())
  clock.jump(-DAY)
  expect(keeper.status.nextOrderAt).toBeLessThanOrEqual(clock.now())
})

test('another authority gets another account, and the old certificate is shown until it has issued', async () => {
  const { shown, start, settled } = await installation()
  const first = authority(FIRST)
  const before = await start(first)
  await settled(() => expect(before.keeper.status.expiresAt).not.toBeNull())
  await before.stop()
  const order = authority(SECOND)
  shown.length = 0
  await start(order, { directory: 'https://other.test/directory' })
  await settled(() => expect(shown.at(-1)).toEqual({ own: pairOf(SECOND), proofs: {} }))
  expect(shown[0]).toEqual({ own: pairOf(FIRST), proofs: {} })
  expect(order.mock.calls[0]![0].accountKey).not.toBe(first.mock.calls[0]![0].accountKey)
})

test('an order that comes to no end is given up, and a stop waits for none and counts none', async () => {
  const { clock, start, settled } = await installation()
  const order = vi.fn<OrderCertificate>(
    (_wish, _events, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
      }),
  )
  const { keeper, stop } = await start(order)
  await settled(() => expect(order).toHaveBeenCalledTimes(1))
  await clock.advance(10 * MINUTE)
  await settled(() => expect(keeper.status.failure?.message).toMatch(/did not come to an end within 10 min/))
  await clock.advance(keeper.status.nextOrderAt - clock.now())
  await settled(() => expect(order).toHaveBeenCalledTimes(2))
  await stop()
  expect(keeper.status.failure?.count).toBe(1)
})

test('with another key than it was kept with it does not start, and touches nothing', async () => {
  const { file, start, settled } = await installation()
  const { keeper, stop } = await start(authority(FIRST))
  await settled(() => expect(keeper.status.expiresAt).not.toBeNull())
  await stop()
  const kept = await readFile(file, 'utf8')
  await expect(start(authority(SECOND), {}, randomBytes(32))).rejects.toThrow(/does not open with this key/)
  expect(await readFile(file, 'utf8')).toBe(kept)
})

test('what cannot be written is shown all the same', async () => {
  const { file, shown, start, settled } = await installation()
  await start(authority(FIRST), { file: path.join(path.dirname(file), 'no-such-directory/certificate') })
  await settled(() => expect(shown.at(-1)?.own).toEqual(pairOf(FIRST)))
})
