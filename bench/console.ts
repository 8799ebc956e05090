/// <reference lib="dom" />
/**
 * The console's first page: how much of it is fetched, and when it is seen and usable.
 *
 *     npm run bench:console [-- --json FILE]
 *
 * Against a real Berth on loopback, in Debian's Chromium, which has no graphics processor and paints on the same cores.
 * Every visit is signed in, has a profile of its own with an empty cache, and begins when the browser has nothing to do;
 * the first is not counted. Beside each stands what the same browser takes in the same run for nearly nothing: a page
 * of one word, and a list as tall with nothing in it. Where other programs use the machine the clock says as much of
 * them as of the console; the time on a processor is the console's own.
 *
 * The list of five thousand endpoints, and a day of ten replicas, are answers of this Berth made larger: no benchmark
 * has a day, and no machine runs five thousand.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { EndpointList, MetricsAnswer } from '@berth/contract'
import type { Browser, CDPSession, Page } from 'playwright-core'
import { Berth } from '../e2e/berth-process.ts'
import { hasChromium, launchChromium, openPage, openSignedIn } from '../e2e/browser.ts'
import { atMost, median, plain, quantile, report } from './report.ts'

const VISITS = 9
const MANY_ENDPOINTS = 5_000
const SCROLLS = 3
const SCROLL_MS = 3_000
const ROW_PX = 40
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
const bare = createServer((_, response) => {
  response.setHeader('content-type', 'text/html')
  response.end('<!doctype html><title>bare</title><p>Berth</p>')
}).listen(0, '127.0.0.1')
const bareUrl = () => `http://127.0.0.1:${(bare.address() as AddressInfo).port}/`
try {
  const bytes = await firstPageBytes(browser)
  const visits = await timed(VISITS, () => visitList(browser))
  const bareVisits = await timed(VISITS, () => visitBare(browser))
  const scrolls = await timed(SCROLLS, () => scrollMany(browser))
  const bareScrolls = await timed(SCROLLS, () => scrollNothing(browser))
  const drawn = await timed(VISITS, () => drawAnalytics(browser))
  const frames = scrolls.flatMap((scroll) => scroll.frames)
  const perFrame = (part: keyof Work) =>
    median(scrolls.map((scroll) => scroll.work[part] / scroll.frames.length))
  report('The console', [
    atMost('first page, all scripts and styles, gzip', bytes / 1_000, 'kB', 180),
    atMost(
      'first contentful paint: the frame of the page',
      median(visits.map((one) => one.painted)),
      'ms',
      600,
    ),
    plain('the same, of a page of one word', median(bareVisits), 'ms'),
    atMost(
      'the list of endpoints stands and can be used',
      median(visits.map((one) => one.usable)),
      'ms',
      1_000,
    ),
    plain('of that, the page on a processor', median(visits.map((one) => one.workMs)), 'ms'),
    atMost(`frame while ${MANY_ENDPOINTS} endpoints scroll by in 3 s, median`, median(frames), 'ms', 17.5),
    atMost(`frame while ${MANY_ENDPOINTS} endpoints scroll by in 3 s, p95`, quantile(frames, 0.95), 'ms', 34),
    plain(
      'the same, of nothing as tall, median',
      median(bareScrolls.flatMap((scroll) => scroll.frames)),
      'ms',
    ),
    plain('the page on a processor, each frame', perFrame('allMs'), 'ms'),
    plain('of that, script', perFrame('scriptMs'), 'ms'),
    plain('of that, style and layout', perFrame('layoutMs'), 'ms'),
    atMost(`a day of ${REPLICAS} replicas, from the answer to the graphs`, median(drawn), 'ms', 100),
  ])
} finally {
  bare.close()
  await browser.close()
  await berth.stop()
}

/** Times something so often, after once that is not counted. */
async function timed<Value>(times: number, once: () => Promise<Value>): Promise<readonly Value[]> {
  const values: Value[] = []
  for (let time = 0; time <= times; time++) values.push(await once())
  return values.slice(1)
}

/** What the page's main thread did, on a processor. */
type Work = { readonly allMs: number; readonly scriptMs: number; readonly layoutMs: number }

async function workOf(page: Page): Promise<CDPSession> {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('Performance.enable', { timeDomain: 'threadTicks' })
  return devtools
}

async function workSoFar(devtools: CDPSession): Promise<Work> {
  const { metrics } = await devtools.send('Performance.getMetrics')
  const ms = (name: string) => (metrics.find((one) => one.name === name)?.value ?? Number.NaN) * 1_000
  return {
    allMs: ms('TaskDuration'),
    scriptMs: ms('ScriptDuration'),
    layoutMs: ms('RecalcStyleDuration') + ms('LayoutDuration'),
  }
}

/** Until the browser has nothing left to do. */
async function idle(page: Page): Promise<void> {
  await page.evaluate(() => new Promise<void>((resolve) => requestIdleCallback(() => resolve())))
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

type Visit = { readonly painted: number; readonly usable: number; readonly workMs: number }

async function visitList(from: Browser): Promise<Visit> {
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
  const devtools = await workOf(page)
  await idle(page)
  await page.goto('/endpoints/admin')
  await page.getByRole('link', { name: 'guide' }).waitFor()
  const { allMs } = await workSoFar(devtools)
  const times = await page.evaluate(() => ({
    painted: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN,
    usable: performance.getEntriesByName('usable')[0]?.startTime ?? Number.NaN,
  }))
  await page.context().close()
  return { ...times, workMs: allMs }
}

async function visitBare(from: Browser): Promise<number> {
  const { page } = await openPage(from, berth)
  await idle(page)
  await page.goto(bareUrl())
  const painted = await page.waitForFunction(
    () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
  )
  const at = (await painted.jsonValue()) ?? Number.NaN
  await page.context().close()
  return at
}

type Scroll = { readonly frames: readonly number[]; readonly work: Work }

/** The list from top to bottom: in every frame all that is seen is new. */
async function scrollMany(from: Browser): Promise<Scroll> {
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
  return await scrollThrough(page, 'div:has(> table)')
}

async function scrollNothing(from: Browser): Promise<Scroll> {
  const { page } = await openPage(from, berth)
  const heightPx = MANY_ENDPOINTS * ROW_PX
  await page.setContent(
    `<div id="list" style="height: 600px; overflow: auto"><div style="height: ${heightPx}px"></div></div>`,
  )
  return await scrollThrough(page, '#list')
}

async function scrollThrough(page: Page, selector: string): Promise<Scroll> {
  const devtools = await workOf(page)
  await idle(page)
  const before = await workSoFar(devtools)
  const frames = await framesOf(page, selector)
  const after = await workSoFar(devtools)
  await page.context().close()
  const work = {
    allMs: after.allMs - before.allMs,
    scriptMs: after.scriptMs - before.scriptMs,
    layoutMs: after.layoutMs - before.layoutMs,
  }
  return { frames, work }
}

/** How long each frame took while the list was scrolled from top to bottom, in milliseconds. */
async function framesOf(page: Page, selector: string): Promise<readonly number[]> {
  return await page.evaluate(
    async ({ list, lastMs }) => {
      const scroller = document.querySelector(list)
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
    },
    { list: selector, lastMs: SCROLL_MS },
  )
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
