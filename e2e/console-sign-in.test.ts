/** Signing in and out of the console, in a real browser. */
import { describe, expect, test } from 'vitest'
import { hasChromium } from './browser.ts'
import { consoleUnderTest } from './console-under-test.ts'
import { until } from './until.ts'

describe.runIf(hasChromium)('signing in', () => {
  const ui = consoleUnderTest()

  test('the address that the first run prints opens signed in, and leaves no code in the address', async () => {
    const printed = await until('the address', () => /http:\S+#sign-in=\S+/.exec(ui.berth.output)?.[0])
    const { page, complaints } = await ui.openSignedOut()
    await page.goto(printed)
    await page.getByRole('link', { name: 'guide' }).waitFor()
    expect(page.url()).toBe(`${ui.berth.url}/endpoints/admin`)

    // It worked once; whoever finds it in a terminal later is asked for a token.
    const second = await ui.openSignedOut()
    await second.page.goto(printed)
    await second.page.getByText('This sign-in link was used already').waitFor()
    await second.page.getByLabel('Access token').waitFor()
    expect(complaints).toEqual([])
  })

  test('a token signs in, a wrong one is told why, and one comes to where one wanted to go', async () => {
    const { page, complaints } = await ui.openSignedOut()
    await page.goto('/endpoints/admin/guide')
    const field = page.getByLabel('Access token')
    await field.fill('berth_wrong')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('Berth does not know this token').waitFor()

    await field.fill('<img src=x onerror=alert(1)>')
    await page.keyboard.press('Enter')
    await page.getByText('This is not an access token').waitFor()

    await field.fill(ui.berth.token)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'guide' }).waitFor()
    expect(page.url()).toBe(`${ui.berth.url}/endpoints/admin/guide`)
    expect(complaints).toEqual([])
  })

  test('the token is in no address, cookie or lasting storage', async () => {
    const { page } = await ui.openSignedOut()
    const addresses: string[] = []
    page.on('request', (request) => addresses.push(request.url()))
    await page.goto('/tokens')
    await page.getByLabel('Access token').fill(ui.berth.token)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Tokens' }).waitFor()
    expect(addresses.length).toBeGreaterThan(3)
    expect(addresses.filter((address) => address.includes(ui.berth.token))).toEqual([])
    expect(await page.context().cookies()).toEqual([])
    const kept = await page.evaluate(() => JSON.stringify(localStorage))
    expect(kept).not.toContain(ui.berth.token)
  })

  test('a new tab is signed in by the others, and signing out ends all of them', async () => {
    const { page } = await ui.open('/endpoints/admin')
    const sessions = async () =>
      (await ui.berth.client.listTokens()).items.filter(({ name }) => name === 'console').length
    const before = await sessions()
    const other = await page.context().newPage()
    await other.goto('/endpoints/admin')
    await other.getByRole('link', { name: 'guide' }).waitFor()

    await page.getByRole('button', { name: /admin Berth/ }).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await page.getByLabel('Access token').waitFor()
    await other.getByLabel('Access token').waitFor()
    await expect.poll(sessions).toBe(before - 1)
  })

  test('signing out forgets a token that was typed, and leaves it as it is', async () => {
    const { page } = await ui.openSignedOut()
    await page.goto('/')
    await page.getByLabel('Access token').fill(ui.berth.token)
    await page.keyboard.press('Enter')
    await page.getByRole('link', { name: 'guide' }).waitFor()
    const answered = page.waitForResponse('**/v2/sign-out')
    await page.getByRole('button', { name: /admin Berth/ }).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    expect((await answered).status()).toBe(200)
    expect(await page.evaluate(() => JSON.stringify(sessionStorage))).not.toContain(ui.berth.token)
    expect((await ui.berth.client.whoami()).name).toBe('admin')
  })

  test('a token that is revoked signs out, with the reason', async () => {
    const { token, id } = await ui.berth.client.createToken({ body: { name: 'short-lived' } })
    const { page } = await ui.openSignedOut()
    await page.goto('/')
    await page.getByLabel('Access token').fill(token)
    await page.keyboard.press('Enter')
    await page.getByRole('link', { name: 'guide' }).waitFor()

    await ui.berth.client.revokeToken({ params: { id } })
    await page.getByText('this token has been revoked or has expired').waitFor()
  })
})
