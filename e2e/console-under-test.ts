/// <reference lib="dom" />
/**
 * The console of a real Berth in a real browser, begun and ended with the tests of a file.
 *
 *     const ui = consoleUnderTest()
 *     const { page, complaints } = await ui.open('/catalog')
 */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { Berth } from './berth-process.ts'
import { accessProblems, launchChromium, openPage, type WatchedPage } from './browser.ts'

/** Nothing listens there: a Hub that cannot be reached, on every machine. */
const NO_HUB = 'http://127.0.0.1:9'

/** Looking at many pages at several widths takes its time on a busy machine. */
export const MANY_LOOKS_MS = 300_000

/** Wide, the phone that most have, and the narrowest that is promised. */
const NARROWEST_PX = 360
const VIEWPORTS = [
  { width: 1440, height: 900 },
  { width: 390, height: 844 },
  { width: NARROWEST_PX, height: 740 },
] as const

export type ConsoleUnderTest = {
  readonly berth: Berth
  readonly browser: Browser
  /** A page signed in by a link that Berth handed out. It is closed after the test. */
  open(address: string, options?: BrowserContextOptions): Promise<WatchedPage>
  /** A page that nobody is signed in to. */
  openSignedOut(options?: BrowserContextOptions): Promise<WatchedPage>
}

/** @param env settings of this Berth, beside the usual ones. */
export function consoleUnderTest(env: Readonly<Record<string, string>> = {}): ConsoleUnderTest {
  let berth: Berth
  let browser: Browser
  beforeAll(async () => {
    berth = await Berth.start({ HF_ENDPOINT: NO_HUB, ...env })
    browser = await launchChromium()
  })
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close()
  })
  afterAll(async () => {
    await browser?.close()
    await berth?.stop()
  })
  const openSignedOut = (options: BrowserContextOptions = {}) => openPage(browser, berth, options)
  return {
    get berth() {
      return berth
    },
    get browser() {
      return browser
    },
    openSignedOut,
    async open(address, options) {
      const watched = await openSignedOut(options)
      const { url } = await berth.client.createSignInCode()
      await watched.page.goto(`${address}${new URL(url).hash}`)
      await watched.page.locator('h1').first().waitFor()
      return watched
    },
  }
}

/** What keeps people out of what is shown now, at every width: axe's findings, and what is wider than the screen. */
export async function viewProblems(page: Page): Promise<readonly string[]> {
  const before = page.viewportSize()
  const problems: string[] = []
  for (const viewport of VIEWPORTS) {
    await page.setViewportSize(viewport)
    // A graph takes its new width in the frame after.
    await page.evaluate(
      () => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))),
    )
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    )
    if (overflow > 0) problems.push(`${overflow} px too wide for ${viewport.width} px`)
    // It is laid out as on the other phone, only narrower.
    if (viewport.width === NARROWEST_PX) continue
    for (const problem of await accessProblems(page)) problems.push(`at ${viewport.width} px: ${problem}`)
  }
  if (before) await page.setViewportSize(before)
  return problems
}
