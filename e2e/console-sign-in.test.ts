/** Signing in and out of the console, in a real browser. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Berth } from './berth-process.ts'
import { hasChromium, launchChromium, openPage, openSignedIn } from './browser.ts'
import { until } from './until.ts'

describe.runIf(hasChromium)('signing in', () => {
  let berth: Berth
  let browser: Browser
  beforeAll(async () => {
    berth = await Berth.start()
    browser = await launchChromium()
  })
  afterAll(async () => {
    await browser?.close()
    await berth?.stop()
  })

  test('the address that the first run prints opens signed in, and leaves no code in the address', async () => {
    const printed = await until('the address', () => /http:\S+#sign-in=\S+/.exec(berth.output)?.[0])
    const { page, complaints } = await openPage(browser, berth)
    await page.goto(printed)
    await page.getByRole('link', { name: 'guide' }).waitFor()
    expect(page.url()).toBe(`${berth.url}/endpoints/admin`)

    // It worked once; whoever finds it in a terminal later is asked for a token.
    const second = await openPage(browser, berth)
    await second.page.goto(printed)
    await second.page.getByText('This sign-in link was used already').waitFor()
    await second.page.getByLabel('Access token').waitFor()
    expect(complaints).toEqual([])
  })

  test('a token signs in, a wrong one is told why, and one comes to where one wanted to go', async () => {
    const { page, complaints } = await openPage(browser, berth)
    await page.goto('/endpoints/admin/guide')
    const field = page.getByLabel('Access token')
    await field.fill('berth_wrong')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('Berth does not know this token').waitFor()

    await field.fill('<img src=x onerror=alert(1)>')
    await page.keyboard.press('Enter')
    await page.getByText('This is not an access token').waitFor()

    await field.fill(berth.token)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'guide' }).waitFor()
    expect(page.url()).toBe(`${berth.url}/endpoints/admin/guide`)
    expect(complaints).toEqual([])
  })

  test('the token is in no address, cookie or lasting storage', async () => {
    const { page } = await openPage(browser, berth)
    const addresses: string[] = []
    page.on('request', (request) => addresses.push(request.url()))
    await page.goto('/tokens')
    await page.getByLabel('Access token').fill(berth.token)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Tokens' }).waitFor()
    expect(addresses.length).toBeGreaterThan(3)
    expect(addresses.filter((address) => address.includes(berth.token))).toEqual([])
    expect(await page.context().cookies()).toEqual([])
    const kept = await page.evaluate(() => JSON.stringify(localStorage))
    expect(kept).not.toContain(berth.token)
  })

  test('a new tab is signed in by the others, and signing out ends all of them', async () => {
    const { page } = await openSignedIn(browser, berth)
    const other = await page.context().newPage()
    await other.goto('/endpoints/admin')
    await other.getByRole('link', { name: 'guide' }).waitFor()

    await page.getByRole('button', { name: /admin Berth/ }).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await page.getByLabel('Access token').waitFor()
    await other.getByLabel('Access token').waitFor()
  })

  test('a token that is revoked signs out, with the reason', async () => {
    const { token, id } = await berth.client.createToken({ body: { name: 'short-lived' } })
    const { page } = await openPage(browser, berth)
    await page.goto('/')
    await page.getByLabel('Access token').fill(token)
    await page.keyboard.press('Enter')
    await page.getByRole('link', { name: 'guide' }).waitFor()

    await berth.client.revokeToken({ params: { id } })
    await page.getByText('this token has been revoked or has expired').waitFor()
  })
})
