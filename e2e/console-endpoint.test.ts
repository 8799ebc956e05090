/** The whole life of an endpoint in the console, in a real browser against real processes. */
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { endpointOf } from './berth-process.ts'
import { hasChromium, type WatchedPage } from './browser.ts'
import { consoleUnderTest, MANY_LOOKS_MS, viewProblems } from './console-under-test.ts'

const HOSTILE = '<img src=x onerror="document.title=\'pwned\'">'

describe.runIf(hasChromium)('an endpoint in the console', () => {
  const ui = consoleUnderTest()
  const tab = (page: Page, name: string) =>
    page.getByRole('navigation', { name: 'Endpoint' }).getByRole('link', { name, exact: true }).click()
  const open = async (name: string, options = {}): Promise<WatchedPage> => {
    const watched = await ui.open(`/endpoints/${ui.berth.namespace}/${name}`, options)
    await watched.page.getByRole('heading', { name, exact: true }).waitFor()
    return watched
  }
  const parrot = async () => {
    const { items } = await ui.berth.client.listEndpoints({ params: { namespace: ui.berth.namespace } })
    if (!items.some(({ name }) => name === 'parrot'))
      await ui.berth.deploy(endpointOf('parrot', { echo: {} }))
  }

  test('is woken, asked, looked at, changed, taken back, paused and deleted', async () => {
    const { page, complaints } = await open('guide')
    await page.getByText('Scaled to zero').first().waitFor()

    await tab(page, 'Playground')
    await page.getByText('It sleeps. Your first request wakes it.').waitFor()
    await page.getByLabel('Message').fill('What is an endpoint?')
    await page.keyboard.press('Enter')
    await page.getByText(/An endpoint is .*URL/).waitFor()
    await page.getByText(/tokens in · \d+ out/).waitFor()

    await tab(page, 'Analytics')
    await page.getByRole('figure', { name: 'Requests' }).getByText('200').waitFor()
    await page.getByRole('heading', { name: 'What changed' }).waitFor()

    await tab(page, 'Logs')
    await page
      .getByRole('region', { name: 'Log' })
      .getByText(/ready: .*slots/)
      .waitFor()
    await page.getByPlaceholder('Search the log').fill('listening')
    await page.locator('mark', { hasText: 'listening' }).first().waitFor()

    await tab(page, 'Settings')
    await page.getByLabel('Tags').fill('sample, mine')
    await page.getByRole('button', { name: 'Review and save' }).click()
    const review = page.getByRole('dialog', { name: 'What will change' })
    await review.getByRole('cell', { name: 'tags' }).waitFor()
    await review.getByRole('button', { name: 'Save' }).click()
    await page.getByText('guide is changed.').waitFor()

    await tab(page, 'Timeline')
    await page.getByRole('button', { name: 'Go back to it' }).click()
    const back = page.getByRole('dialog', { name: 'Go back to revision 1' })
    await back.getByRole('cell', { name: 'tags' }).waitFor()
    await back.getByRole('button', { name: 'Go back' }).click()
    await page.getByText('guide is back at revision 1.').waitFor()
    expect((await ui.berth.endpoint('guide')).tags).toEqual(['sample'])

    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByText('Paused').first().waitFor()
    await page.getByRole('button', { name: 'More actions' }).click()
    await page.getByRole('menuitem', { name: 'Delete…' }).click()
    await page.getByRole('dialog').getByRole('textbox').fill('guide')
    await page.getByRole('button', { name: 'Delete the endpoint' }).click()
    await page.waitForURL(/\/endpoints\/admin$/)
    expect(complaints).toEqual([])
  })

  test('shows what a model says as text, whatever it is', async () => {
    await parrot()
    const { page, complaints } = await open('parrot')
    await tab(page, 'Playground')
    await page.getByLabel('Message').fill(`${HOSTILE} **bold** [link](javascript:alert(1))`)
    await page.keyboard.press('Enter')
    const answer = page.getByRole('main').getByRole('listitem').nth(1)
    await answer.getByText(/tokens in/).waitFor()
    expect(await answer.textContent()).toContain(HOSTILE)
    expect(await answer.locator('img').count()).toBe(0)
    expect(await answer.locator('a').count()).toBe(0)
    expect(await answer.locator('strong').textContent()).toBe('bold')
    expect(await page.title()).not.toContain('pwned')
    expect(complaints).toEqual([])
  })

  test('says at the field what the server refuses, and keeps what was typed', async () => {
    await parrot()
    const { page } = await open('parrot')
    await tab(page, 'Settings')
    await page.getByLabel('At most').fill('0')
    await page.getByLabel('Tags').fill('typed')
    await page.getByRole('button', { name: 'Review and save' }).click()
    await page.getByRole('button', { name: 'Back to the form' }).click()
    await page
      .getByText(/maxReplica/)
      .first()
      .waitFor()
    expect(await page.getByLabel('Tags').inputValue()).toBe('typed')
  })

  test.for(['light', 'dark'] as const)(
    'keeps nobody out of its tabs in %s',
    { timeout: MANY_LOOKS_MS },
    async (colorScheme) => {
      await parrot()
      const { page, complaints } = await open('parrot', { colorScheme })
      for (const [name, there] of [
        ['Overview', 'Configuration'],
        ['Playground', 'Parameters'],
        ['Analytics', 'Requests'],
        ['Logs', 'Wrap'],
        ['Timeline', 'Revisions'],
        ['Settings', 'Autoscaling'],
      ] as const) {
        await tab(page, name)
        await page.getByText(there, { exact: true }).first().waitFor()
        expect(await viewProblems(page), name).toEqual([])
      }
      expect(complaints).toEqual([])
    },
  )
})
