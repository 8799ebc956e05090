/**
 * Debian's Chromium for the console's tests, driven by playwright-core.
 *
 * A page under test fails its test when the browser complains: about a script, a style or a request that the policy
 * forbids, or an exception that nobody caught.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import type { Berth } from './berth-process.ts'

const CHROMIUM = process.env['BERTH_CHROMIUM'] ?? '/usr/bin/chromium'

export const hasChromium = existsSync(CHROMIUM)
if (!hasChromium) console.warn(`The console is not tested in a browser: there is no ${CHROMIUM}.`)

export async function launchChromium(): Promise<Browser> {
  // As root there is no sandbox; the pages under test are our own.
  return await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  })
}

export type WatchedPage = {
  readonly page: Page
  /** What the browser complained about so far, and every address outside Berth that was asked for. */
  readonly complaints: readonly string[]
}

/** A page of its own, with no memory of others. */
export async function openPage(
  browser: Browser,
  berth: Berth,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({
    baseURL: berth.url,
    viewport: { width: 1280, height: 800 },
    reducedMotion: 'reduce',
    ...options,
  })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(`exception: ${error.message}`))
  page.on('console', (message) => {
    // A refusal of the API is shown on the page, and the browser says so in its own words too.
    if (message.type() === 'error' && !/^Failed to load resource/.test(message.text()))
      complaints.push(message.text())
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(berth.url)) complaints.push(`foreign request: ${request.url()}`)
  })
  return { page, complaints }
}

/** Signed in by the link that Berth hands out. */
export async function openSignedIn(
  browser: Browser,
  berth: Berth,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const watched = await openPage(browser, berth, options)
  const { url } = await berth.client.createSignInCode()
  await watched.page.goto(url)
  await watched.page.getByRole('heading', { name: 'Endpoints' }).waitFor()
  return watched
}

/** What axe finds that keeps people out, as lines: rule, how bad, where. */
export async function accessProblems(page: Page): Promise<readonly string[]> {
  const { source } = createRequire(import.meta.url)('axe-core') as { readonly source: string }
  // Evaluated by the driver and not by the page, whose policy allows no such script.
  await page.evaluate(source)
  return await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { readonly axe: { run(): Promise<AxeResults> } }
    const { violations } = await axe.run()
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, impact, nodes }) =>
        nodes.map(({ html, failureSummary }) => `${impact} ${id}: ${html} ${failureSummary}`),
      )
  })
}

type AxeResults = {
  readonly violations: readonly {
    readonly id: string
    readonly impact: string | null
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
  }[]
}
