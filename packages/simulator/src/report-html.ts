/** The report as one page without anything from elsewhere: cost against attainment, and the count over time. */
import type { Contest } from './contest.ts'
import type { Outcome } from './outcome.ts'
import { contestInText, summaryInText } from './report-text.ts'

const WIDTH = 720
const HEIGHT = 260
const MARGIN = 46
const COLOURS: Readonly<Record<string, string>> = {
  berth: '#d9480f',
  hf: '#1971c2',
  kpa: '#2f9e44',
  hpa: '#9c36b5',
  kubeai: '#0b7285',
  ray: '#c2255c',
  static: '#868e96',
}

export function contestsInHtml(contests: readonly Contest[]): string {
  const sections = contests.map((contest) => {
    return `<section><h2>${escaped(contest.trace)}</h2>
${costPlot(contest)}
${countPlot(contest.ours)}
<pre>${escaped(contestInText(contest))}</pre></section>`
  })
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Autoscaling, simulated</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; color: #212529 }
pre { overflow-x: auto; font-size: 12px } svg { max-width: 100%; display: block } text { font-size: 11px; fill: #495057 }
</style></head><body>
<h1>Autoscaling, simulated</h1>
<pre>${escaped(summaryInText(contests))}</pre>
${sections.join('\n')}
</body></html>
`
}

/** Each run is a point: cheaper is left, more promises kept is up. */
function costPlot({ ours, outcomes }: Contest): string {
  const runs = [...outcomes, ours]
  const most = Math.max(...runs.map(({ replicaHours }) => replicaHours))
  const least = Math.min(0.9, ...runs.map(({ attainment }) => Math.max(0.5, attainment)))
  const x = (hours: number) => MARGIN + (hours / most) * (WIDTH - 2 * MARGIN)
  const y = (kept: number) =>
    HEIGHT - MARGIN - ((Math.max(least, kept) - least) / (1 - least)) * (HEIGHT - 2 * MARGIN)
  const points = runs.map((run) => {
    const { policy, family, attainment, replicaHours } = run
    const title = `${policy}: ${(100 * attainment).toFixed(2)} % for ${replicaHours.toFixed(1)} replica-hours`
    const radius = run === ours ? 7 : 3.5
    const place = `cx="${x(replicaHours).toFixed(1)}" cy="${y(attainment).toFixed(1)}" r="${radius}"`
    return `<circle ${place} fill="${COLOURS[family] ?? '#000'}"><title>${escaped(title)}</title></circle>`
  })
  const legend = Object.entries(COLOURS).map(([family, colour], i) => {
    return `<text x="${MARGIN + 70 * i}" y="14" style="fill:${colour}">● ${family}</text>`
  })
  const labels = `<text x="${WIDTH / 2}" y="${HEIGHT - 8}">replica-hours, up to ${most.toFixed(0)}</text>
<text x="4" y="${MARGIN - 8}">100 % kept</text><text x="4" y="${HEIGHT - MARGIN + 12}">${(100 * least).toFixed(0)} %</text>`
  return framed('Cost against promises kept', `${axes()}${legend.join('')}${points.join('')}${labels}`)
}

function countPlot({ timeline, policy }: Outcome): string {
  const { points } = timeline
  if (points.length < 2) return ''
  const most = Math.max(1, ...points.map(({ ready, needed, present }) => Math.max(ready, needed, present)))
  const end = points.at(-1)!.at
  const line = (pick: (point: (typeof points)[number]) => number, colour: string) => {
    const path = points.map((point) => {
      const x = MARGIN + (point.at / end) * (WIDTH - 2 * MARGIN)
      const y = HEIGHT - MARGIN - (pick(point) / most) * (HEIGHT - 2 * MARGIN)
      return `${x.toFixed(1)},${y.toFixed(1)}`
    })
    return `<polyline fill="none" stroke="${colour}" points="${path.join(' ')}"/>`
  }
  const lines = line(({ needed }) => needed, '#adb5bd') + line(({ ready }) => ready, '#d9480f')
  const labels = `<text x="4" y="${MARGIN - 8}">${most.toFixed(0)} replicas</text>
<text x="${WIDTH / 2}" y="${HEIGHT - 8}">${(end / 3_600_000).toFixed(1)} hours; grey: what the present load needs</text>`
  return framed(`Ready replicas, ${policy}`, `${axes()}${lines}${labels}`)
}

const axes = () => {
  const bottom = HEIGHT - MARGIN
  return `<path d="M${MARGIN},${MARGIN} V${bottom} H${WIDTH - MARGIN}" fill="none" stroke="#ced4da"/>`
}

function framed(title: string, content: string): string {
  return `<h3>${escaped(title)}</h3><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" role="img">${content}</svg>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
