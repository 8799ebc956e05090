/**
 * Pictures of every page of the console, light and dark, wide and phone, from a Berth of its own.
 *
 *     npm run screenshots [-- DIRECTORY]      (screenshots/ by default, which git does not keep)
 *
 * Questions are asked all the while and something is changed, so that graphs and timelines have something to show.
 */
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { Berth, endpointOf } from '../e2e/berth-process.ts'
import { hasChromium, launchChromium, openSignedIn } from '../e2e/browser.ts'

type Picture = {
  readonly name: string
  readonly address: string
  readonly prepare?: (page: Page) => Promise<void>
}

const lastQuarter = (page: Page) => page.getByRole('button', { name: '15m' }).click()

/** What moves comes last: by then there is something of it. */
const PICTURES: readonly Picture[] = [
  { name: 'endpoints', address: '/endpoints/admin' },
  { name: 'new-endpoint', address: '/new/admin?model=berth/guide' },
  { name: 'choose-model', address: '/new/admin' },
  { name: 'catalog', address: '/catalog' },
  { name: 'hardware', address: '/hardware' },
  { name: 'tokens', address: '/tokens' },
  { name: 'settings', address: '/settings' },
  { name: 'palette', address: '/endpoints/admin', prepare: (page) => page.keyboard.press('Control+k') },
  { name: 'failed', address: '/endpoints/admin/does-not-start' },
  { name: 'playground', address: '/endpoints/admin/guide/playground', prepare: ask },
  { name: 'endpoint-settings', address: '/endpoints/admin/guide/settings' },
  { name: 'logs', address: '/endpoints/admin/guide/logs' },
  { name: 'overview', address: '/endpoints/admin/guide' },
  { name: 'timeline', address: '/endpoints/admin/guide/timeline', prepare: lastQuarter },
  { name: 'analytics', address: '/endpoints/admin/guide/analytics', prepare: lookCloser },
]

const SCREENS = {
  wide: { viewport: { width: 1440, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
} as const

/** Graphs and lists have drawn what they were sent. */
const SETTLE_MS = 800
const QUESTIONS = ['What is an endpoint?', 'What is a replica?', 'Who are you?', 'What is a gateway?']
/** Before the first picture; the pictures themselves take longer. */
const LOAD_FIRST_MS = 60_000
/** Between questions it is busier and quieter, as it is with people. */
const SHORTEST_PAUSE_MS = 150
const LONGEST_PAUSE_MS = 1_500

const directory = path.resolve(process.argv[2] ?? 'screenshots')
if (!hasChromium) {
  console.error('This needs Chromium: apt-get install chromium, or BERTH_CHROMIUM=/path/to/it.')
  process.exit(1)
}
await mkdir(directory, { recursive: true })
const berth = await Berth.start()
const browser = await launchChromium()
const ending = new AbortController()
let asking: Promise<void> | undefined
try {
  await somethingToSee()
  asking = askAndAsk(ending.signal)
  await sleep(LOAD_FIRST_MS)
  await berth.client.updateEndpoint({ params: place('guide'), body: { tags: ['sample', 'live'] } })
  for (const [screen, options] of Object.entries(SCREENS)) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await openSignedIn(browser, berth, { ...options, colorScheme })
      for (const { name, address, prepare } of PICTURES) {
        await page.goto(address)
        await page.locator('h1').first().waitFor()
        await prepare?.(page)
        await page.waitForTimeout(SETTLE_MS)
        await page.screenshot({ path: path.join(directory, `${name}-${screen}-${colorScheme}.png`) })
      }
      await page.context().close()
      console.log(`${PICTURES.length} pages, ${screen}, ${colorScheme}`)
    }
  }
} finally {
  ending.abort()
  await asking
  await browser.close()
  await berth.stop()
}

function place(name: string) {
  return { namespace: berth.namespace, name }
}

/** Endpoints in several states. */
async function somethingToSee(): Promise<void> {
  const make = (name: string, image: Parameters<typeof endpointOf>[1], tags: readonly string[]) =>
    berth.client.createEndpoint({
      params: { namespace: berth.namespace },
      body: { ...endpointOf(name, image, { scaling: { minReplica: 0 } }), tags: [...tags] },
    })
  await make('support-answers', { echo: { tokenMs: 20 } }, ['support', 'live'])
  await make('search-embeddings', { echo: {} }, ['search'])
  await make('nightly-summaries', { echo: {} }, ['batch'])
  await make('does-not-start', { echo: { crashOnStart: 3 } }, [])
  await berth.client.pauseEndpoint({ params: place('nightly-summaries') })
  for (const [name, role] of [
    ['shop backend', 'read'],
    ['deploy pipeline', 'write'],
  ] as const)
    await berth.client.createToken({ body: { name, role } })
}

async function askAndAsk(signal: AbortSignal): Promise<void> {
  for (let number = 0; !signal.aborted; number++) {
    const question = QUESTIONS[number % QUESTIONS.length]!
    await (await berth.chat('guide', question, { stream: true })).text()
    if (number % 3 === 0) await (await berth.chat('support-answers', question)).text()
    const wave = (1 + Math.sin(number / 12)) / 2
    await sleep(SHORTEST_PAUSE_MS + wave * (LONGEST_PAUSE_MS - SHORTEST_PAUSE_MS), undefined, {
      signal,
    }).catch(() => {})
  }
}

/** Where something is: as one drags over a graph. */
async function lookCloser(page: Page): Promise<void> {
  await lastQuarter(page)
  await page.waitForTimeout(SETTLE_MS)
  const graph = await page.locator('figure .u-over').first().boundingBox()
  if (!graph) return
  const { x, y, width, height } = graph
  await page.mouse.move(x + width * 0.8, y + height / 2)
  await page.mouse.down()
  await page.mouse.move(x + width * 0.99, y + height / 2, { steps: 5 })
  await page.mouse.up()
}

async function ask(page: Page): Promise<void> {
  await page.getByLabel('Message').fill(QUESTIONS[0]!)
  await page.keyboard.press('Enter')
  await page.getByText(/tokens in · \d+ out/).waitFor()
}
