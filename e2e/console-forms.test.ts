/** The forms of an endpoint, in a browser against real processes: its engine's settings, a copy of it, and the Hub's models. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type HubServer, startHubServer } from '../packages/server/src/testing/hub-server.ts'
import { Berth, endpointOf } from './berth-process.ts'
import { accessProblems, hasChromium, launchChromium, openSignedIn } from './browser.ts'

describe.skipIf(!hasChromium)('a form', () => {
  let berth: Berth
  let hub: HubServer
  let browser: Browser
  beforeAll(async () => {
    hub = await startHubServer()
    hub.add('acme/tiny-chat-GGUF', {
      files: { 'config.json': '{}' },
      task: 'text-generation',
      downloads: 12_345,
    })
    ;[berth, browser] = await Promise.all([Berth.start({ HF_ENDPOINT: hub.url }), launchChromium()])
    const original = endpointOf(
      'original',
      { llamacpp: { nParallel: 2 } },
      { scaling: { minReplica: 0, maxReplica: 3, scaleToZeroTimeout: 15, maxCostPerHour: 5 } },
    )
    await berth.client.createEndpoint({
      params: { namespace: berth.namespace },
      body: {
        ...original,
        tags: ['blue'],
        limits: { requestsPerMinute: 60 },
        model: { ...original.model, env: { GREETING: 'hello' }, secrets: { KEY: 'hunter2' } },
      },
    })
  })
  afterAll(async () => {
    await browser?.close()
    await berth?.stop()
    await hub?.close()
  })

  const open = async (path: string) => {
    const opened = await openSignedIn(browser, berth)
    await opened.page.goto(path)
    return opened
  }

  test("has a field for each of the engine's settings, with its help, and says what is wrong with one beside it", async () => {
    const { page, complaints } = await open('/endpoints/admin/original/settings')
    const slots = page.getByLabel('nParallel')
    expect(await slots.inputValue()).toBe('2')
    await page.getByText('Requests decoded at the same time (slots). Default: 4. 1 to 256.').waitFor()
    await slots.fill('many')
    await page.getByRole('button', { name: 'Review and save' }).click()
    await page.getByRole('button', { name: 'Back to the form' }).click()
    await page
      .getByText(/nParallel/)
      .nth(1)
      .waitFor()
    expect(await slots.getAttribute('aria-invalid')).toBe('true')
    expect(await accessProblems(page)).toEqual([])

    await slots.fill('3')
    await page.getByLabel('Requests a minute').fill('120')
    await page.getByRole('button', { name: 'Review and save' }).click()
    const review = page.getByRole('dialog', { name: 'What will change' })
    await review.getByRole('button', { name: 'Save' }).click()
    await page.getByText('original is changed.').waitFor()
    const changed = await berth.endpoint('original')
    expect(changed.model.image).toEqual({ llamacpp: { nParallel: 3 } })
    expect(changed.limits).toEqual({ requestsPerMinute: 120 })
    expect(complaints).toEqual([])
  })

  test('keeps what was typed when it is left or loaded anew, but for secrets, and forgets it when it is sent', async () => {
    const { page, complaints } = await open('/new/admin?model=berth/guide')
    const name = page.getByLabel('Name', { exact: true }).first()
    await name.fill('half-typed')
    await page.getByRole('button', { name: 'Add a secret' }).click()
    await page.getByLabel('Name', { exact: true }).last().fill('KEY')
    await page.getByLabel('Value of KEY').fill('hunter2')
    expect(await page.evaluate(() => JSON.stringify([sessionStorage, localStorage]))).not.toContain('hunter2')
    await page.getByRole('link', { name: 'Catalog' }).click()
    await page.getByRole('heading', { name: 'Catalog' }).waitFor()
    await page.goBack()
    await page.getByText('What you typed here before is filled in again').waitFor()
    expect(await name.inputValue()).toBe('half-typed')
    expect(await page.getByLabel('Value of KEY').inputValue()).toBe('hunter2')

    page.on('dialog', (dialog) => void dialog.accept())
    await page.reload()
    await page.getByText('What you typed here before is filled in again').waitFor()
    expect(await name.inputValue()).toBe('half-typed')
    expect(await page.getByLabel('Value of KEY').inputValue()).toBe('')
    await page.getByLabel('Value of KEY').fill('hunter3')
    await page.getByRole('button', { name: 'Create the endpoint' }).click()
    await page.waitForURL(/\/endpoints\/admin\/half-typed$/)

    await page.goto('/new/admin?model=berth/guide')
    await name.waitFor()
    expect(await name.inputValue()).toBe('guide')

    await page.goto('/endpoints/admin/half-typed/settings')
    await page.getByLabel('Tags').fill('not saved')
    await page.reload()
    await page.getByText('What you changed here before is filled in again').waitFor()
    expect(await page.getByLabel('Tags').inputValue()).toBe('not saved')
    await page.getByRole('button', { name: 'Drop my changes' }).click()
    expect(await page.getByLabel('Tags').inputValue()).toBe('')
    expect(complaints).toEqual([])
  })

  test('stays with its own endpoint when one goes back from the settings of another', async () => {
    const { page, complaints } = await open('/endpoints/admin/original/settings')
    await page.getByLabel('Tags').waitFor()
    await page.keyboard.press('Control+k')
    await page.getByRole('option', { name: /^guide/ }).click()
    await page.getByRole('heading', { name: 'guide', exact: true }).waitFor()
    const tabs = page.getByRole('navigation', { name: 'Endpoint' })
    await tabs.getByRole('link', { name: 'Settings' }).click()
    await page.getByLabel('Tags').fill('of the guide')
    await page.evaluate(() => history.go(-2))
    await page.getByRole('heading', { name: 'original', exact: true }).waitFor()
    expect(await page.getByLabel('Tags').inputValue()).toBe('blue')
    expect(complaints).toEqual([])
  })

  test('says everything of a new endpoint that can be said, and each mistake at its field', async () => {
    const { page, complaints } = await open('/new/admin?model=berth/guide')
    await page.getByLabel('Name', { exact: true }).first().fill('said-in-full')
    await page.getByText('Revision, task, adapters, limits').click()
    await page.getByLabel('Requests a minute').fill('many')
    await page.getByLabel('Origins').fill('https://app.example.com')
    await page.getByLabel('Requests on one replica').fill('3')
    await page.getByLabel('Cost ceiling').fill('2')
    await page.getByRole('button', { name: 'Keep more warm at certain hours' }).click()
    await page.getByText('--max-cost-per-hour 2').waitFor()
    await page.getByText(/--schedule '?Mon,Tue,Wed,Thu,Fri 8-18 1/).waitFor()
    const create = page.getByRole('button', { name: 'Create the endpoint' })
    await create.click()
    await expect.poll(() => page.getByLabel('Requests a minute').getAttribute('aria-invalid')).toBe('true')
    await page.getByLabel('Requests a minute').fill('90')
    expect(await accessProblems(page)).toEqual([])
    await create.click()
    await page.waitForURL(/\/endpoints\/admin\/said-in-full$/)
    expect(await berth.endpoint('said-in-full')).toMatchObject({
      limits: { requestsPerMinute: 90 },
      cors: { origins: ['https://app.example.com'] },
      routing: { requestsPerReplica: 3 },
      compute: { scaling: { maxCostPerHour: 2, schedules: [{ fromHour: 8, toHour: 18, minReplica: 1 }] } },
    })
    expect(complaints).toEqual([])
  })

  test('is filled in as another endpoint is, but for its secrets', async () => {
    const { page, complaints } = await open('/endpoints/admin/original')
    await page.getByRole('button', { name: 'More actions' }).click()
    await page.getByRole('menuitem', { name: 'Clone…' }).click()
    const name = page.getByLabel('Name', { exact: true }).first()
    await name.waitFor()
    expect(await name.inputValue()).toBe('original-copy')
    expect(await page.content()).not.toContain('hunter2')
    await page.getByLabel('Value of KEY').fill('another')
    await page.getByRole('button', { name: 'Create the endpoint' }).click()
    await page.waitForURL(/\/endpoints\/admin\/original-copy$/)
    const [original, copy] = [await berth.endpoint('original'), await berth.endpoint('original-copy')]
    expect(copy).toMatchObject({
      tags: ['blue'],
      limits: original.limits,
      compute: original.compute,
      model: { image: original.model.image, env: { GREETING: 'hello' }, secrets: { KEY: '' } },
    })
    expect(complaints).toEqual([])
  })

  test('offers what the Hub has by some words, and says why when the Hub is away', async () => {
    const { page, complaints } = await open('/new/admin')
    await page.getByLabel('Model').fill('tiny chat')
    const found = page.getByRole('region', { name: 'On the Hub' })
    await found.getByRole('button', { name: /acme\/tiny-chat-GGUF/ }).waitFor()
    expect(await accessProblems(page)).toEqual([])
    hub.apiFaults.push({ status: 503 })
    await page.getByLabel('Model').fill('tiny chat again')
    await found.getByText(/cannot be reached: it answered 503/).waitFor()
    await page.getByLabel('Model').fill('tiny chat')
    await found.getByRole('button', { name: /acme\/tiny-chat-GGUF/ }).click()
    await page.waitForURL(/model=acme/)
    expect(complaints).toEqual([])
  })
})
