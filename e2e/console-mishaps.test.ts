/** What goes wrong around the console, and what the page makes of it: explained, and nothing that was typed is lost. */
import { appendFile, readdir } from 'node:fs/promises'
import path from 'node:path'
import type { Page } from 'playwright-core'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { endpointOf } from './berth-process.ts'
import { hasChromium } from './browser.ts'
import { consoleUnderTest } from './console-under-test.ts'

const SOON = { timeout: 30_000, interval: 50 }
const HOUR_MS = 3_600_000
const HOSTILE = '<img src=x onerror="document.title=\'pwned\'">'
const UNREACHABLE = 'Berth cannot be reached. What you see is from before'

describe.runIf(hasChromium)('mishaps around the console', () => {
  const ui = consoleUnderTest()
  beforeAll(() => ui.berth.deleteEndpoints())
  afterEach(() => ui.berth.deleteEndpoints())

  const place = (name: string) => ({ params: { namespace: ui.berth.namespace, name } })
  const isPwned = async (page: Page) =>
    (await page.locator('img, script:not([src])').count()) > 0 || (await page.title()) === 'pwned'

  test('an endpoint that somebody deletes meanwhile is said to be gone, and what was typed stays', async () => {
    await ui.berth.deploy(endpointOf('shared', { echo: {} }))
    const { page, complaints } = await ui.open('/endpoints/admin/shared/settings')
    await page.getByLabel('Tags').fill('written with care')
    await ui.berth.client.deleteEndpoint(place('shared'))
    await page.getByText('shared was deleted while this page was open').waitFor()
    expect(await page.getByLabel('Tags').inputValue()).toBe('written with care')
    expect(await page.getByRole('button', { name: 'Pause' }).count()).toBe(0)
    await page.getByRole('link', { name: 'All endpoints' }).click()
    await page.getByRole('heading', { name: 'No endpoints yet' }).waitFor()

    await page.goto('/endpoints/admin/never-was')
    await page.getByText('There is no endpoint never-was in admin').waitFor()
    expect(complaints).toEqual([])
  })

  test('a restart of Berth during a form loses nothing, and the page goes on by itself', async () => {
    const { page, complaints } = await ui.open('/new/admin?model=berth/guide')
    const name = page.getByLabel('Name', { exact: true }).first()
    await name.fill('survivor')
    await ui.berth.kill('control')
    await page.getByText(UNREACHABLE).waitFor()
    await page.getByLabel('Tags').fill('typed meanwhile')
    await page.getByRole('button', { name: 'Create the endpoint' }).click()
    await page.getByRole('complementary', { name: 'Summary' }).getByRole('alert').waitFor()

    await ui.berth.startControl()
    await page.getByText(UNREACHABLE).waitFor({ state: 'detached' })
    expect(await name.inputValue()).toBe('survivor')
    await page.getByRole('button', { name: 'Create the endpoint' }).click()
    await page.getByRole('heading', { name: 'survivor', exact: true }).waitFor()
    expect((await ui.berth.endpoint('survivor')).tags).toEqual(['typed meanwhile'])
    expect(complaints).toEqual([])
  })

  test('a refusal of Berth’s own is told in its words, and is no absence', async () => {
    const { page } = await ui.openSignedOut()
    const refusal = {
      error: 'The database is full. Make room on its disk.',
      code: 'unavailable',
      retryable: false,
    }
    await page.route('**/v2/endpoint/admin', (route) => route.fulfill({ status: 503, json: refusal }))
    const { url } = await ui.berth.client.createSignInCode()
    await page.goto(url)
    await page.getByRole('alert').getByText(refusal.error).waitFor()
    expect(await page.getByText(UNREACHABLE).count()).toBe(0)
  })

  test('without a network it says so, keeps what it shows, and catches up when it is back', async () => {
    await ui.berth.client.createEndpoint({ ...place('before'), body: endpointOf('before', { echo: {} }) })
    const { page } = await ui.open('/endpoints/admin')
    await page.getByRole('link', { name: 'before' }).waitFor()
    await page.context().setOffline(true)
    await page.getByText(UNREACHABLE).waitFor()
    await ui.berth.client.createEndpoint({ ...place('after'), body: endpointOf('after', { echo: {} }) })
    expect(await page.getByRole('link', { name: 'before' }).count()).toBe(1)
    await page.context().setOffline(false)
    await page.getByRole('link', { name: 'after' }).waitFor()
    await page.getByText(UNREACHABLE).waitFor({ state: 'detached' })
  })

  test.for([
    ['ahead of', HOUR_MS],
    ['behind', -HOUR_MS],
  ] as const)('a clock that is an hour %s Berth’s changes no time and no graph', async ([words, aheadMs]) => {
    await ui.berth.deploy(endpointOf('timely', { echo: {} }))
    await (await ui.berth.chat('timely', 'now')).text()
    const { page, complaints } = await ui.openSignedOut()
    await page.addInitScript((offset) => {
      const now = Date.now.bind(Date)
      globalThis.Date = class extends Date {
        constructor(...given: [number]) {
          super(...(given.length > 0 ? given : ([now() + offset] as [number])))
        }
        static override now = () => now() + offset
      } as DateConstructor
    }, aheadMs)
    const { url } = await ui.berth.client.createSignInCode()
    await page.goto(url)
    await page.getByText(`The clock of this device is 1 h ${words} Berth’s.`).waitFor()
    await page
      .getByRole('row', { name: /timely/ })
      .getByText('just now')
      .waitFor()
    await page.getByRole('link', { name: 'timely' }).click()
    await page.getByRole('link', { name: 'Analytics' }).click()
    await page.getByRole('figure', { name: 'Requests' }).getByText('200').waitFor()
    expect(complaints).toEqual([])
  })

  test('names, tags and addresses are text, whatever they say', async () => {
    await ui.berth.client.createEndpoint({
      ...place('tagged'),
      body: { ...endpointOf('tagged', { echo: {} }), tags: [HOSTILE, '\u202egnp.exe'] },
    })
    const { id } = await ui.berth.client.createToken({ body: { name: HOSTILE } })
    const { page, complaints } = await ui.open('/endpoints/admin')
    await page.getByRole('button', { name: 'Columns' }).click()
    await page.getByRole('menuitemcheckbox', { name: 'Tags' }).click()
    await page.keyboard.press('Escape')
    await page.getByText(HOSTILE).waitFor()
    for (const address of [
      '/tokens',
      '/endpoints/admin/tagged',
      `/new/admin?model=${encodeURIComponent(HOSTILE)}`,
      `/endpoints/admin/${encodeURIComponent(HOSTILE)}`,
      `/endpoints/${encodeURIComponent(HOSTILE)}`,
    ]) {
      await page.goto(address)
      await page.getByText(HOSTILE).first().waitFor()
      expect(await isPwned(page), address).toBe(false)
    }
    await page.goto(`/endpoints/admin?q=${encodeURIComponent(HOSTILE)}`)
    await expect.poll(() => page.getByLabel('Filter').inputValue(), SOON).toBe(HOSTILE)
    expect(await isPwned(page)).toBe(false)
    await ui.berth.client.revokeToken({ params: { id } })
    expect(complaints).toEqual([])
  })

  test('a log is text: markup, colours, a megabyte in a line, and bytes that are none', async () => {
    await ui.berth.deploy(endpointOf('loud', { echo: {} }))
    const { page, complaints } = await ui.open('/endpoints/admin/loud/logs')
    const log = page.getByRole('region', { name: 'Log' })
    await log.getByText('ready as').waitFor()
    await print('loud', [
      `markup ${HOSTILE}\n`,
      '\u001b[31mred\u001b[0m \u001b]0;pwned\u0007\u001b[2J and \u202egnol\n',
      `${'long '.repeat(200_000)}\n`,
      Buffer.from([0x62, 0x61, 0x64, 0x20, 0xff, 0xfe, 0xc3, 0x28, 0x0a]),
      'the last line\n',
    ])
    await log.getByText('the last line').waitFor()
    await log.getByText(`markup ${HOSTILE}`).waitFor()
    await log.getByText(/^\S*red .* and .?gnol$/).waitFor()
    await log
      .getByText(/long long/)
      .first()
      .waitFor()
    await log
      .getByText(/more characters/)
      .first()
      .waitFor()
    await log.getByText(/bad \ufffd/).waitFor()
    const shown = (await log.textContent())!
    for (const hidden of ['\u001b', '\u202e']) expect(shown).not.toContain(hidden)
    expect(await isPwned(page)).toBe(false)
    // A line as long as a book is cut where the page would suffer from it.
    expect(shown.length).toBeLessThan(250_000)
    expect(complaints).toEqual([])
  })

  test('a start that fails is told in the words of the engine, as text', async () => {
    const body = endpointOf('broken', { echo: {} })
    await ui.berth.client.createEndpoint({
      ...place('broken'),
      body: { ...body, model: { ...body.model, args: [`--${HOSTILE}`, 'x'] } },
    })
    const { page, complaints } = await ui.open('/endpoints/admin/broken')
    await page.getByText(HOSTILE).first().waitFor()
    expect(await isPwned(page)).toBe(false)
    await page.getByRole('link', { name: 'Timeline' }).first().click()
    await page.getByRole('heading', { name: 'Events' }).waitFor()
    expect(await isPwned(page)).toBe(false)
    expect(complaints).toEqual([])
  })

  /** Writes where the engine of the endpoint's only replica writes. */
  async function print(name: string, pieces: readonly (string | Buffer)[]): Promise<void> {
    const { items } = await ui.berth.client.listReplicas(place(name))
    const file = `${items[0]!.id}.log`
    const logs = path.join(ui.berth.home, 'logs')
    expect(await readdir(logs)).toContain(file)
    for (const piece of pieces) await appendFile(path.join(logs, file), piece)
  }
})
