/** Behind an address of its own: everything that is told names it, and everything that is asked is answered where it came. */
import { describe, expect, test } from 'vitest'
import { endpointOf } from './berth-process.ts'
import { hasChromium } from './browser.ts'
import { consoleUnderTest } from './console-under-test.ts'

const PUBLIC = 'https://models.example.test'

describe.runIf(hasChromium)('a Berth that is reached by another address than it listens on', () => {
  const ui = consoleUnderTest({ BERTH_PUBLIC_URL: `${PUBLIC}/` })

  test('says that address wherever it tells one', async () => {
    const { berth } = ui
    expect(berth.output).toContain(`is ready at ${PUBLIC}\n`)
    expect(berth.output).toMatch(/^It listens on http:\/\/\S+:\d+\.$/m)
    expect(berth.output).toContain(`curl ${PUBLIC}/v1/chat/completions`)
    expect(berth.output).toContain(`${PUBLIC}/#sign-in=`)
    const { url } = await berth.client.createSignInCode()
    expect(url).toMatch(new RegExp(`^${PUBLIC}/#sign-in=`))
    const { status } = await berth.deploy(endpointOf('parrot', { echo: {} }))
    expect(status.url).toBe(`${PUBLIC}/e/${berth.namespace}/parrot`)
    const described = (await (await fetch(`${berth.url}/openapi.json`)).json()) as { servers: unknown }
    expect(described.servers).toMatchObject([{ url: PUBLIC }])
  })

  test('answers the command line where that reaches it', async () => {
    const { berth } = ui
    const { stdout } = await berth.cli('call', 'parrot', 'good morning')
    expect(stdout).toContain('good morning')
  })

  test('lets the playground ask the address in the browser, and shows the other one as code', async () => {
    const { page, complaints } = await ui.open(`/endpoints/${ui.berth.namespace}/parrot`)
    await page.getByText(`${PUBLIC}/e/${ui.berth.namespace}/parrot`).first().waitFor()
    const tabs = page.getByRole('navigation', { name: 'Endpoint' })
    await tabs.getByRole('link', { name: 'Playground', exact: true }).click()
    await page.getByLabel('Message').fill('good evening')
    await page.keyboard.press('Enter')
    const answer = page.getByRole('main').getByRole('listitem').nth(1)
    await answer.getByText(/tokens in/).waitFor()
    expect(complaints).toEqual([])
  })
})
