/** The pages of the console, one story each, in a real browser against real processes. */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Page } from 'playwright-core'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { endpointOf } from './berth-process.ts'
import { hasChromium } from './browser.ts'
import { consoleUnderTest, MANY_LOOKS_MS, viewProblems } from './console-under-test.ts'

const MOST_TABS = 80
const SOON = { timeout: 30_000, interval: 50 }

describe.runIf(hasChromium)('the pages of the console', () => {
  const ui = consoleUnderTest()
  beforeAll(() => ui.berth.deleteEndpoints())
  afterEach(() => ui.berth.deleteEndpoints())

  const create = (name: string, tags: readonly string[] = []) =>
    ui.berth.client.createEndpoint({
      params: { namespace: ui.berth.namespace },
      body: { ...endpointOf(name, { echo: {} }), tags: [...tags] },
    })
  const list = (page: Page) => page.getByRole('table', { name: 'Endpoints' })
  const names = (page: Page) => list(page).locator('tbody a').allTextContents()
  const states = (page: Page) => list(page).locator('tbody td:nth-child(3)').allTextContents()

  describe('the list of endpoints', () => {
    test('when it is empty it says what an endpoint is, and deploys the guide in one click', async () => {
      const { page, complaints } = await ui.open('/')
      await page.getByRole('heading', { name: 'No endpoints yet' }).waitFor()
      await page.getByText('a model, an engine and hardware behind one URL').waitFor()
      await page.getByRole('button', { name: 'Deploy the guide' }).click()
      await page.getByRole('heading', { name: 'guide', exact: true }).waitFor()
      // The page learns by itself that it runs.
      await page.getByText('Running', { exact: true }).waitFor()
      expect((await ui.berth.endpoint('guide')).status.readyReplica).toBe(1)
      expect(complaints).toEqual([])
    })

    test('is filtered, put in order and laid out, and its address shows the same to somebody else', async () => {
      await create('alpha', ['live'])
      await create('beta')
      await create('gamma', ['live'])
      await ui.berth.client.pauseEndpoint({ params: { namespace: ui.berth.namespace, name: 'gamma' } })
      const { page, complaints } = await ui.open('/endpoints/admin?sort=name')
      await expect.poll(() => names(page), SOON).toEqual(['alpha', 'beta', 'gamma'])

      await page.getByRole('button', { name: 'Name', exact: true }).click()
      await expect.poll(() => names(page), SOON).toEqual(['gamma', 'beta', 'alpha'])
      await page.locator('th[aria-sort="descending"]', { hasText: 'Name' }).waitFor()

      await page.getByLabel('Filter').fill('LIVE echo')
      await expect.poll(() => names(page), SOON).toEqual(['gamma', 'alpha'])
      await page.getByLabel('State').selectOption({ label: 'Paused' })
      await expect.poll(() => names(page), SOON).toEqual(['gamma'])

      const other = await ui.open(new URL(page.url()).pathname + new URL(page.url()).search)
      await expect.poll(() => names(other.page), SOON).toEqual(['gamma'])
      expect(await other.page.getByLabel('Filter').inputValue()).toBe('LIVE echo')

      await page.getByLabel('Filter').fill('nothing is called that')
      await page.getByRole('heading', { name: 'No endpoint matches' }).waitFor()
      await page.getByRole('button', { name: 'Show all 3' }).click()
      await expect.poll(async () => (await names(page)).length, SOON).toBe(3)

      await page.getByRole('button', { name: 'Columns' }).click()
      await page.getByRole('menuitemcheckbox', { name: 'Tags' }).click()
      await page.getByRole('menuitemcheckbox', { name: 'Model' }).click()
      await page.keyboard.press('Escape')
      await page.reload()
      await page.getByRole('columnheader', { name: 'Tags' }).waitFor()
      expect(await page.getByRole('columnheader', { name: 'Model' }).count()).toBe(0)
      expect(complaints).toEqual([])
    })

    test('pauses, resumes and deletes several at once', async () => {
      await create('one')
      await create('two')
      await create('three')
      const { page, complaints } = await ui.open('/endpoints/admin?sort=name')
      const tools = page.getByRole('toolbar', { name: 'Selected endpoints' })
      await page.getByLabel('Select one').check()
      await page.getByLabel('Select two').check()
      await tools.getByRole('button', { name: 'Pause' }).click()
      await page.getByText('Pause: 2 endpoints.').waitFor()
      await expect
        .poll(() => states(page), SOON)
        .toEqual(['Paused', expect.stringMatching(/Running|Initializing/), 'Paused'])

      await page.getByLabel('Select all').check()
      await tools.getByRole('button', { name: 'Resume' }).click()
      await page.getByText('Resume: 2 endpoints.').waitFor()
      await expect.poll(() => states(page), SOON).toEqual(['Running', 'Running', 'Running'])

      await page.getByLabel('Select all').check()
      await tools.getByRole('button', { name: 'Delete…' }).click()
      const asks = page.getByRole('dialog', { name: 'Delete 3 endpoints?' })
      await asks.getByRole('textbox').fill('delete 2')
      expect(
        await asks.getByRole('button', { name: 'Delete 3 endpoints' }).getAttribute('aria-disabled'),
      ).toBe('true')
      await asks.getByRole('textbox').fill('delete 3')
      await asks.getByRole('button', { name: 'Delete 3 endpoints' }).click()
      await page.getByRole('heading', { name: 'No endpoints yet' }).waitFor()
      expect(complaints).toEqual([])
    })
  })

  describe('a new endpoint', () => {
    test('begins as Berth recommends it, and says of other hardware why it does not do', async () => {
      const type = { vendor: 'local', region: 'rack', regionLabel: 'Rack 1', architecture: 'CPU', vcpus: 1 }
      const instanceTypes = [
        { ...type, instanceType: 'away', instanceSize: 'x1', memoryGb: 4, status: 'not_available' },
        { ...type, instanceType: 'dear', instanceSize: 'x1', memoryGb: 4, pricePerHour: 0.8 },
      ]
      const file = path.join(ui.berth.home, 'hardware.json')
      await writeFile(file, JSON.stringify({ instanceTypes, includeMachine: true }))
      await expect
        .poll(async () => JSON.stringify(await ui.berth.client.listVendors()), SOON)
        .toContain('Rack 1')

      const { page, complaints } = await ui.open('/new/admin')
      await page.getByLabel('Model').fill('berth/guide')
      await page.keyboard.press('Enter')
      const tile = (name: string) => page.getByRole('radio', { name })
      await page.getByText('Suggested: the smallest that fits').waitFor()
      expect(await tile('cpu x1').isChecked()).toBe(true)
      expect(await tile('away x1').isDisabled()).toBe(true)
      await page.locator('label', { hasText: 'away x1' }).getByText('None is left.').waitFor()
      await page.getByText('1.9 M').waitFor()

      const summary = page.getByRole('complementary', { name: 'Summary' })
      await summary.getByText('Free').waitFor()
      await page.locator('label', { hasText: 'dear x1' }).click()
      await summary.getByText('$0.80/h').waitFor()
      await summary.getByText('$0.00 to $0.80 an hour, at most $584.00 a month').waitFor()
      await summary.getByText('--instance dear/x1').waitFor()
      expect(complaints).toEqual([])
    })

    test('is the same endpoint as a command, as curl and as the form itself', async () => {
      const { page, complaints } = await ui.open('/new/admin?model=berth/guide')
      await page.getByLabel('Name', { exact: true }).first().fill('thrice')
      await page.getByLabel('Tags').fill("it's, <b>bold</b>")
      await page.getByRole('button', { name: 'Authenticated' }).click()
      await page.getByLabel('At most').fill('2')
      await page.getByRole('button', { name: 'Add a variable' }).click()
      await page.getByLabel('Name', { exact: true }).last().fill('GREETING')
      await page.getByLabel('Value of GREETING').fill('$HOME "quoted"')
      const code = async (language: string) => {
        await page.getByRole('button', { name: language, exact: true }).click()
        return await page
          .getByRole('region', { name: `${language === 'Command' ? 'berth' : language} code` })
          .textContent()
      }

      await berthCommand((await code('Command'))!)
      const byCommand = await takeAway('thrice')
      await shell((await code('curl'))!)
      const byCurl = await takeAway('thrice')
      await page.getByRole('button', { name: 'Create the endpoint' }).click()
      await page.getByRole('heading', { name: 'thrice', exact: true }).waitFor()
      await page.getByText('Running', { exact: true }).waitFor()
      const byForm = await takeAway('thrice')

      expect(byForm).toMatchObject({
        type: 'authenticated',
        tags: ["it's", '<b>bold</b>'],
        compute: { scaling: { minReplica: 0, maxReplica: 2 } },
        model: { repository: 'berth/guide', env: { GREETING: '$HOME "quoted"' } },
      })
      expect(byCommand).toEqual(byForm)
      expect(byCurl).toEqual(byForm)
      expect(complaints).toEqual([])
    })

    test('says a mistake at its field, and keeps what was typed', async () => {
      await create('taken')
      const { page, complaints } = await ui.open('/new/admin?model=berth/guide')
      const name = page.getByLabel('Name', { exact: true }).first()
      const submit = () => page.getByRole('button', { name: 'Create the endpoint' }).click()
      await page.getByLabel('Tags').fill('kept')
      await name.fill('Not A Name')
      await submit()
      await expect.poll(() => name.getAttribute('aria-invalid'), SOON).toBe('true')
      await page.getByText('must be 1 to 32 lower-case letters').first().waitFor()

      await name.fill('taken')
      await submit()
      await page.getByText(/taken/).first().waitFor()
      await expect.poll(() => name.getAttribute('aria-invalid'), SOON).toBe('true')

      await name.fill('good')
      await page.getByLabel('At most').fill('many')
      await submit()
      const most = page.getByLabel('At most')
      await expect.poll(() => most.getAttribute('aria-invalid'), SOON).toBe('true')
      expect(await most.inputValue()).toBe('many')
      await most.fill('1')
      await submit()
      await page.getByRole('heading', { name: 'good', exact: true }).waitFor()
      expect((await ui.berth.endpoint('good')).tags).toEqual(['kept'])
      expect(complaints).toEqual([])
    })

    test('can be made by hand of a model that cannot be looked at', async () => {
      const { page, complaints } = await ui.open('/catalog')
      await page.getByLabel('Filter').fill('bge-m3')
      await page.getByRole('link', { name: 'BGE M3' }).click()
      await page.getByRole('alert').waitFor()
      await page.getByRole('button', { name: 'Configure it by hand' }).click()
      expect(await page.getByLabel('Name', { exact: true }).first().inputValue()).toBe('bge-m3')
      await page.getByText('berth deploy BAAI/bge-m3').waitFor()
      expect(complaints).toEqual([])
    })
  })

  test('the catalog is narrowed down by words and by task, and fills the form', async () => {
    const { page, complaints } = await ui.open('/catalog')
    const models = page.getByRole('main').getByRole('listitem')
    const all = await models.count()
    await page.getByRole('button', { name: 'Embeddings' }).click()
    await expect.poll(() => models.count(), SOON).toBeLessThan(all)
    expect(await page.getByRole('link', { name: 'Guide' }).count()).toBe(0)
    await page.getByRole('button', { name: 'All', exact: true }).click()
    await page.keyboard.press('/')
    await page.keyboard.type('guide')
    await expect.poll(() => models.count(), SOON).toBe(1)
    await page.getByRole('link', { name: 'Guide' }).click()
    await page.getByRole('button', { name: 'Create the endpoint' }).waitFor()
    expect(new URL(page.url()).searchParams.get('model')).toBe('berth/guide')
    expect(complaints).toEqual([])
  })

  test('the hardware page says what there is, and that it is taken while a replica runs', async () => {
    const { page, complaints } = await ui.open('/hardware')
    const row = page.getByRole('row', { name: /cpu x1/ })
    await row.getByText('2 GB').waitFor()
    await row.getByText('free').waitFor()
    await page.getByText(/^0 MB of .* reserved by replicas$/).waitFor()
    await create('tenant')
    await ui.berth.reach('tenant', 'running')
    await page.reload()
    await page.getByText(/^2 GB of .* reserved by replicas$/).waitFor()
    expect(complaints).toEqual([])
  })

  test('a token is shown once, works, and is refused after it is revoked', async () => {
    const { page, complaints } = await ui.open('/tokens')
    await page.getByRole('button', { name: 'New token' }).click()
    await page.getByLabel('Name').fill('nightly job')
    await page.getByText('Limits').last().click()
    await page.getByLabel('Requests per minute').fill('many')
    await page.getByRole('button', { name: 'Create the token' }).click()
    await expect
      .poll(() => page.getByLabel('Requests per minute').getAttribute('aria-invalid'), SOON)
      .toBe('true')
    await page.getByLabel('Requests per minute').fill('60')
    await page.getByRole('button', { name: 'Create the token' }).click()
    const shown = page.getByRole('dialog', { name: 'Your token nightly job' })
    const token = (await shown.locator('code').textContent())!
    const whoami = () =>
      fetch(`${ui.berth.url}/hub/api/whoami-v2`, { headers: { authorization: `Bearer ${token}` } })
    expect((await whoami()).status).toBe(200)

    await shown.getByRole('button', { name: 'I have copied it' }).click()
    const row = page.getByRole('row', { name: /nightly job/ })
    await row.getByText('60 requests/min').waitFor()
    await row.getByText(/^\d{1,2} \w{3}( \d{4})?$/).waitFor()
    await page.reload()
    await row.waitFor()
    expect(await page.content()).not.toContain(token)

    await row.getByRole('button', { name: 'Revoke nightly job' }).click()
    await page.getByRole('button', { name: 'Revoke the token' }).click()
    await row.waitFor({ state: 'detached' })
    expect((await whoami()).status).toBe(401)
    expect(complaints).toEqual([])
  })

  test('the settings change how it looks at once and for good, and say what is installed', async () => {
    const { page, complaints } = await ui.open('/settings', { colorScheme: 'light' })
    const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
    const light = await ground()
    await page.getByRole('button', { name: 'Dark', exact: true }).click()
    await expect.poll(ground, SOON).not.toBe(light)
    const dark = await ground()
    await page.reload()
    await page.getByText(ui.berth.home).waitFor()
    await page.getByText(ui.berth.url, { exact: true }).waitFor()
    expect(await ground()).toBe(dark)
    expect(complaints).toEqual([])
  })

  describe('with the keyboard alone', () => {
    test('one gets anywhere by the palette and by keys', async () => {
      await create('found')
      const { page, complaints } = await ui.open('/endpoints/admin')
      const heading = (name: string) => page.getByRole('heading', { name, exact: true }).waitFor()
      await page.keyboard.press('Control+k')
      await page.keyboard.type('foun')
      await page.getByRole('option', { name: /found/ }).waitFor()
      await page.keyboard.press('Enter')
      await heading('found')
      for (const [key, title] of [
        ['h', 'Hardware'],
        ['c', 'Catalog'],
        ['t', 'Tokens'],
        ['s', 'Settings'],
        ['e', 'Endpoints'],
      ] as const) {
        await page.keyboard.press('g')
        await page.keyboard.press(key)
        await heading(title)
      }
      await page.keyboard.press('/')
      await page.keyboard.type('n g h')
      expect(await page.getByLabel('Filter').inputValue()).toBe('n g h')
      await heading('Endpoints')

      await page.reload()
      await heading('Endpoints')
      await page.keyboard.press('Tab')
      await page.keyboard.press('Enter')
      expect(await page.evaluate(() => document.activeElement?.id)).toBe('content')
      expect(complaints).toEqual([])
    })

    test('an endpoint is made, looked at and deleted', async () => {
      const { page, complaints } = await ui.open('/endpoints/admin')
      await page.keyboard.press('n')
      await page.getByLabel('Model').waitFor()
      await page.keyboard.type('berth/guide')
      await page.keyboard.press('Enter')
      await page.getByText('Suggested: the smallest that fits').waitFor()

      // A letter in a list of choices chooses there, and leaves no page.
      await tabTo(page, 'combobox', 'Scale to zero')
      await page.keyboard.press('Enter')
      await page.getByRole('option', { name: 'Never' }).waitFor()
      await page.keyboard.press('n')
      await page.keyboard.press('Enter')
      await page.getByText('--idle never').waitFor()

      await tabTo(page, 'button', 'Create the endpoint')
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { name: 'guide', exact: true }).waitFor()

      await tabTo(page, 'button', 'More actions')
      await page.keyboard.press('Enter')
      await page.getByRole('menuitem', { name: 'Delete…' }).waitFor()
      await page.keyboard.press('Escape')
      expect(await focused(page)).toEqual({ role: 'button', name: 'More actions' })
      await page.keyboard.press('Enter')
      await page.getByRole('menuitem', { name: 'Delete…' }).waitFor()
      await page.keyboard.press('End')
      await page.keyboard.press('Enter')
      await page.getByRole('dialog', { name: 'Delete guide?' }).waitFor()
      await expect.poll(async () => (await focused(page)).role, SOON).toBe('textbox')
      await page.keyboard.type('guide')
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { name: 'No endpoints yet' }).waitFor()
      expect(complaints).toEqual([])
    })
  })

  test.for(['light', 'dark'] as const)(
    'no page and no dialog keeps anybody out in %s',
    { timeout: MANY_LOOKS_MS },
    async (colorScheme) => {
      await create('listed', ['one tag', 'and another'])
      const { page, complaints } = await ui.open('/endpoints/admin', { colorScheme })
      const look = async (what: string) => expect(await viewProblems(page), what).toEqual([])
      await page.getByRole('link', { name: 'listed' }).waitFor()
      await look('the list')
      await page.getByLabel('Select listed').check()
      await page.getByRole('button', { name: 'Delete…' }).click()
      await page.getByRole('dialog').waitFor()
      await look('deleting several')
      for (const [address, there] of [
        ['/new/admin', 'Guide'],
        ['/new/admin?model=berth/guide', 'Suggested: the smallest that fits'],
        ['/catalog', 'Guide'],
        ['/hardware', 'Memory of this machine'],
        ['/tokens', 'Begins with'],
        ['/settings', 'This installation'],
        ['/settings/nowhere', 'There is nothing at this address'],
      ] as const) {
        await page.goto(address)
        await page.getByText(there).first().waitFor()
        await look(address)
      }
      await page.goto('/tokens')
      await page.getByRole('button', { name: 'New token' }).click()
      await page.getByLabel('Name').waitFor()
      await look('a new token')
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      await page.keyboard.press('Control+k')
      await page.getByRole('option', { name: 'Catalog' }).waitFor()
      await look('the palette')
      expect(complaints).toEqual([])
    },
  )

  /** Presses Tab until that is focused, and sees to it that one sees where one is at every step. */
  async function tabTo(page: Page, role: string, name: string): Promise<void> {
    for (let presses = 0; presses < MOST_TABS; presses++) {
      await page.keyboard.press('Tab')
      const now = await focused(page)
      if (now.role === role && now.name.startsWith(name)) return
    }
    throw new Error(`${MOST_TABS} times Tab did not lead to the ${role} "${name}"`)
  }

  /** What has the focus, as a screen reader would say it. */
  async function focused(page: Page): Promise<{ readonly role: string; readonly name: string }> {
    return await page.evaluate(() => {
      const element = document.activeElement as HTMLElement
      const label = element.getAttribute('aria-labelledby')
      const name =
        element.getAttribute('aria-label') ??
        (label && document.getElementById(label)?.textContent) ??
        (element as HTMLInputElement).labels?.[0]?.textContent ??
        element.textContent ??
        ''
      const implied = { BUTTON: 'button', A: 'link', INPUT: 'textbox' }[element.tagName] ?? ''
      return { role: element.getAttribute('role') ?? implied, name: name.trim() }
    })
  }

  /** What was asked for, without what the server adds; then it is deleted, to be made again. */
  async function takeAway(name: string) {
    const { type, tags, provider, compute, model } = await ui.berth.endpoint(name)
    await ui.berth.deleteEndpoints()
    return { type, tags, provider, compute, model }
  }

  const shell = (script: string) =>
    promisify(execFile)('sh', ['-c', script], {
      env: { ...process.env, BERTH_TOKEN: ui.berth.token },
    })

  /** As a shell takes it apart, and as the command line then takes it. */
  async function berthCommand(script: string) {
    const { stdout } = await shell(`berth() { printf '%s\\0' "$@"; }\n${script}`)
    return await ui.berth.cli(...stdout.split('\0').slice(0, -1))
  }
})
