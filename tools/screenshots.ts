/**
 * Pictures of every page of the console, light and dark, wide and phone, from a Berth of its own.
 *
 *     npm run screenshots [-- DIRECTORY]      (screenshots/ by default, which git does not keep)
 */
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { Berth, endpointOf } from '../e2e/berth-process.ts'
import { hasChromium, launchChromium, openSignedIn } from '../e2e/browser.ts'

const PAGES = {
  endpoints: '/endpoints/admin',
  overview: '/endpoints/admin/guide',
  playground: '/endpoints/admin/guide/playground',
  analytics: '/endpoints/admin/guide/analytics',
  logs: '/endpoints/admin/guide/logs',
  timeline: '/endpoints/admin/guide/timeline',
  'endpoint-settings': '/endpoints/admin/guide/settings',
  'new-endpoint': '/new/admin?model=berth/guide',
  catalog: '/catalog',
  hardware: '/hardware',
  tokens: '/tokens',
  settings: '/settings',
} as const

const SCREENS = {
  wide: { viewport: { width: 1280, height: 800 } },
  phone: { viewport: { width: 390, height: 800 }, isMobile: true, hasTouch: true },
} as const

/** Graphs and lists have drawn what they were sent. */
const SETTLE_MS = 600
const QUESTIONS = ['What is an endpoint?', 'What is a replica?', 'Who are you?']

const directory = path.resolve(process.argv[2] ?? 'screenshots')
if (!hasChromium) {
  console.error('This needs Chromium: apt-get install chromium, or BERTH_CHROMIUM=/path/to/it.')
  process.exit(1)
}
await mkdir(directory, { recursive: true })
const berth = await Berth.start()
const browser = await launchChromium()
try {
  await somethingToSee()
  for (const [screen, options] of Object.entries(SCREENS)) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await openSignedIn(browser, berth, { ...options, colorScheme })
      for (const [name, address] of Object.entries(PAGES)) {
        await page.goto(address)
        await page.locator('h1').first().waitFor()
        await page.waitForTimeout(SETTLE_MS)
        await page.screenshot({ path: path.join(directory, `${name}-${screen}-${colorScheme}.png`) })
      }
      await page.context().close()
      console.log(`${Object.keys(PAGES).length} pages, ${screen}, ${colorScheme}`)
    }
  }
} finally {
  await browser.close()
  await berth.stop()
}

/** Endpoints in several states, and requests that were answered. */
async function somethingToSee(): Promise<void> {
  const params = { namespace: berth.namespace }
  const make = (name: string, image: Parameters<typeof endpointOf>[1], tags: readonly string[]) =>
    berth.client.createEndpoint({
      params,
      body: { ...endpointOf(name, image, { scaling: { minReplica: 0 } }), tags: [...tags] },
    })
  await make('support-answers', { echo: { tokenMs: 20 } }, ['support', 'live'])
  await make('search-embeddings', { echo: {} }, ['search'])
  await make('nightly-summaries', { echo: {} }, ['batch'])
  await make('does-not-start', { echo: { crashOnStart: 3 } }, [])
  await berth.client.pauseEndpoint({ params: { ...params, name: 'nightly-summaries' } })
  for (const question of QUESTIONS) await (await berth.chat('guide', question)).text()
}
