/// <reference lib="dom" />
/**
 * The console's first page: how much of it is fetched, and when it is seen and usable.
 *
 *     npm run bench:console [-- --json FILE]
 *
 * Against a real Berth on loopback, in Debian's Chromium, signed in, with an empty cache each time; the median of some
 * visits. The list of five thousand endpoints, and a day of ten replicas, are answers of this Berth made larger: no
 * benchmark has a day, and no machine runs five thousand.
 */
import { gzipSync } from 'node:zlib'
import type { EndpointList, MetricsAnswer } from '@berth/contract'
import type { Browser, Page } from 'playwright-core'
import { Berth } from '../e2e/berth-process.ts'
import { hasChromium, launchChromium, openPage, openSignedIn } from '../e2e/browser.ts'
import { atMost, median, quantile, report } from './report.ts'

const VISITS = 5
const MANY_ENDPOINTS = 5_000
const SCROLL_MS = 3_000
const REPLICAS = 10
const DAY_MS = 24 * 3_600_000
/** As the page asks for a day. */
const DAY_STEP_S = 480

if (!hasChromium) {
  console.error('This needs Chromium: apt-get install chromium, or BERTH_CHROMIUM=/path/to/it.')
  process.exit(1)
}

const berth = await Berth.start()
const browser = await launchChromium()
try {
  const bytes = await firstPageBytes(browser)
  const visits = []
  for (let visit = 0; visit < VISITS; visit++) visits.push(await visitList(browser))
  const frames = await scrollMany(browser)
  const drawn = []
  for (let visit = 0; visit < VISITS; visit++) drawn.push(await drawAnalytics(browser))
  report('The console', [
    atMost('first page, all scripts and styles, gzip', bytes / 1_000, 'kB', 180),
    atMost('first contentful paint', median(visits.map((visit) => visit.painted)), 'ms', 600),
    atMost('the list of endpoints can be used', median(visits.map((visit) => visit.usable)), 'ms', 1_000),
    atMost(`frame while ${MANY_ENDPOINTS} endpoints scroll, median`, median(frames), 'ms', 17.5),
    atMost(`frame while ${MANY_ENDPOINTS} endpoints scroll, p95`, quantile(frames, 0.95), 'ms', 34),
    atMost(`a day of ${REPLICAS} replicas, from the answer to the graphs`, median(drawn), 'ms', 100),
  ])
} finally {
  await browser.close()
  await berth.stop()
}

/** Every script and style that was fetched until the list stood there, each as gzip makes it. */
async function firstPageBytes(from: Browser): Promise<number> {
  const { page } = await openPage(from, berth)
  let total = 0
  const counted: Promise<void>[] = []
  page.on('response', (response) => {
    if (!/\.(?:js|css)$/.test(new URL(response.url()).pathname)) return
    counted.push(
      response.body().then((body) => {
        total += gzipSync(body, { level: 9 }).byteLength
      }),
    )
  })
  await page.goto((await berth.client.createSignInCode()).url)
  await page.getByRole('link', { name: 'guide' }).waitFor()
  await Promise.all(counted)
  await page.context().close()
  return total
}

async function visitList(from: Browser): Promise<{ readonly painted: number; readonly usable: number }> {
  const { page } = await openPage(from, berth)
  await page.addInitScript((token) => sessionStorage.setItem('berth.token', token), berth.token)
  // When the row can be clicked, as the page itself sees it: asking from outside takes its own time.
  await page.addInitScript(() => {
    const looking = setInterval(() => {
      if (!document.querySelector('tbody a')) return
      clearInterval(looking)
      performance.mark('usable')
    }, 5)
  })
  await page.goto('/endpoints/admin')
  await page.getByRole('link', { name: 'guide' }).waitFor()
  const times = await page.evaluate(() => ({
    painted: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN,
    usable: performance.getEntriesByName('usable')[0]?.startTime ?? Number.NaN,
  }))
  await page.context().close()
  return times
}

/** How long each frame took while the list was scrolled from top to bottom, in milliseconds. */
async function scrollMany(from: Browser): Promise<readonly number[]> {
  const { page } = await openSignedIn(from, berth)
  const guide = await berth.endpoint('guide')
  const list: EndpointList = {
    items: Array.from({ length: MANY_ENDPOINTS }, (_, number) => ({ ...guide, name: `endpoint-${number}` })),
    nextCursor: null,
    totalItems: MANY_ENDPOINTS,
  }
  await page.route('**/v2/endpoint/admin', (route) => route.fulfill({ json: list }))
  await page.goto('/endpoints/admin?sort=name')
  await page.getByRole('link', { name: 'endpoint-0', exact: true }).waitFor()
  const frames = await framesOf(page)
  await page.context().close()
  return frames
}

async function framesOf(page: Page): Promise<readonly number[]> {
  return await page.evaluate(async (lastMs) => {
    const scroller = document.querySelector('table')?.parentElement
    if (!scroller) throw new Error('there is no list')
    const frames: number[] = []
    const begun = performance.now()
    let before = begun
    while (before - begun < lastMs) {
      const now = await new Promise<number>((resolve) => requestAnimationFrame(resolve))
      frames.push(now - before)
      before = now
      scroller.scrollTop = (scroller.scrollHeight * (now - begun)) / lastMs
    }
    return frames.slice(2)
  }, SCROLL_MS)
}

/** From the last byte of the answer to the frame in which every graph stands, in milliseconds. */
async function drawAnalytics(from: Browser): Promise<number> {
  const { page } = await openSignedIn(from, berth)
  const answer = JSON.stringify(await aDayOfReplicas())
  await page.route('**/v2/endpoint/admin/guide/metrics?*', (route) =>
    route.fulfill({ body: answer, contentType: 'application/json' }),
  )
  // Once to have the code and the first range, then the day, which is what is measured.
  await page.goto('/endpoints/admin/guide/analytics')
  await page.locator('figure canvas').first().waitFor()
  const tookMs = await page.evaluate(async () => {
    const button = [...document.querySelectorAll('button')].find(({ textContent }) => textContent === '24h')
    if (!button) throw new Error('there is no range of a day')
    performance.clearResourceTimings()
    const frame = () => new Promise<number>((resolve) => requestAnimationFrame(resolve))
    const answered = () =>
      performance.getEntriesByType('resource').find(({ name }) => name.includes('/metrics?')) as
        | PerformanceResourceTiming
        | undefined
    // A chart that gets other data draws its canvas again: from then on the old picture is gone.
    const drawings: number[] = []
    const { clearRect } = CanvasRenderingContext2D.prototype
    CanvasRenderingContext2D.prototype.clearRect = function (...rect) {
      drawings.push(performance.now())
      clearRect.apply(this, rect)
    }
    button.click()
    const charts = document.querySelectorAll('figure canvas').length
    for (;;) {
      const now = await frame()
      const end = answered()?.responseEnd
      if (end !== undefined && drawings.filter((at) => at > end).length >= charts) return now - end
    }
  })
  await page.context().close()
  return tookMs
}

/** What this Berth answers for a day, as if ten replicas had worked through all of it. */
async function aDayOfReplicas(): Promise<MetricsAnswer> {
  await (await berth.chat('guide', 'What is an endpoint?')).text()
  const to = Date.now()
  const answer = await berth.client.readMetrics({
    params: { namespace: berth.namespace, name: 'guide' },
    query: {
      from: new Date(to - DAY_MS).toISOString(),
      to: new Date(to).toISOString(),
      step: DAY_STEP_S,
    },
  })
  const worked = (phase: number) => answer.times.map((_, at) => 50 * (1.5 + Math.sin((at + phase) / 9)))
  const series = answer.series.flatMap((one, place) =>
    Array.from({ length: REPLICAS }, (_, number) => ({
      ...one,
      labels: { ...one.labels, replica: `replica-${number}` },
      values: worked(place * 3 + number),
    })),
  )
  return { ...answer, series }
}
