/**
 * Values over time, drawn by uPlot: lines or stacked bars, marks of what changed, and a drag that chooses a range.
 *
 * Charts with the same `group` move their cursors together. Colours are the design's, read when drawn, so that a chart
 * follows the theme. What is drawn can be read too: the latest value of each series stands in the legend.
 */
import 'uplot/dist/uPlot.min.css'
import { useEffect, useRef, useState } from 'react'
import UPlot, { type AlignedData } from 'uplot'
import { classNames } from '../design/class-names.ts'
import { useIsDark } from '../design/theme.ts'
import { type ChartSeries, stacked } from './chart-series.ts'

export type ChartMark = {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly label: string
}

export type TimeChartProps = {
  readonly label: string
  /** Milliseconds since the epoch, ascending. */
  readonly times: readonly number[]
  readonly series: readonly ChartSeries[]
  readonly format: (value: number) => string
  readonly kind?: 'lines' | 'bars'
  readonly marks?: readonly ChartMark[]
  /** A line that should not be passed: a maximum. */
  readonly ceiling?: number
  readonly group?: string
  readonly heightPx?: number
  /** The range that was dragged over, in milliseconds since the epoch. */
  readonly onRange?: (from: number, to: number) => void
  readonly onMark?: (mark: ChartMark) => void
}

const HEIGHT_PX = 160
/** A drag shorter than this is a click. */
const SHORTEST_DRAG_PX = 6

export function TimeChart(props: TimeChartProps) {
  const {
    label,
    times,
    series,
    format,
    kind = 'lines',
    marks = [],
    ceiling,
    group,
    heightPx = HEIGHT_PX,
  } = props
  const host = useRef<HTMLDivElement>(null)
  const chart = useRef<UPlot | undefined>(undefined)
  const latest = useRef(props)
  latest.current = props
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set())
  const [at, setAt] = useState<number | null>(null)
  const isDark = useIsDark()

  const shown = series.filter((one) => !hidden.has(one.label))
  // What has to be built anew, as opposed to the values, which are only set.
  const shape = JSON.stringify([
    kind,
    isDark,
    group,
    ceiling,
    heightPx,
    shown.map(({ label, colour }) => [label, colour]),
  ])

  // biome-ignore lint/correctness/useExhaustiveDependencies: `shape` says what this depends on; the rest is read when drawn
  useEffect(() => {
    const element = host.current
    if (!element) return
    const built = new UPlot(
      optionsOf(element, latest, shown, { onCursor: setAt, kind, heightPx, group, ceiling }),
      dataOf(kind, times, shown),
      element,
    )
    chart.current = built
    const resizing = new ResizeObserver(() => built.setSize({ width: element.clientWidth, height: heightPx }))
    resizing.observe(element)
    return () => {
      resizing.disconnect()
      built.destroy()
      chart.current = undefined
    }
  }, [shape])

  // biome-ignore lint/correctness/useExhaustiveDependencies: the same
  useEffect(() => {
    chart.current?.setData(dataOf(kind, times, shown))
  }, [times, series, marks, shape])

  const index = at ?? times.length - 1
  const toggle = (name: string) => {
    const next = new Set(hidden)
    if (!next.delete(name)) next.add(name)
    setHidden(next)
  }
  return (
    <figure aria-label={label} className="min-w-0">
      <div ref={host} className="min-w-0" style={{ height: heightPx }} />
      <figcaption className="mt-1 flex flex-wrap gap-x-4 gap-y-0.5">
        {series.map((one) => (
          <button
            key={one.label}
            type="button"
            aria-pressed={!hidden.has(one.label)}
            onClick={() => toggle(one.label)}
            className={classNames(
              'inline-flex items-center gap-1.5 rounded-sm text-xs text-soft hover:text-ink',
              hidden.has(one.label) && 'line-through opacity-60',
            )}
          >
            <span
              aria-hidden="true"
              className="size-2 rounded-full"
              style={{ background: `var(--${one.colour})` }}
            />
            {one.label}
            <span className="tabular text-ink">{said(one.values[index], format)}</span>
          </button>
        ))}
      </figcaption>
    </figure>
  )
}

const said = (value: number | null | undefined, format: (value: number) => string) =>
  value === null || value === undefined ? '–' : format(value)

function dataOf(
  kind: 'lines' | 'bars',
  times: readonly number[],
  series: readonly ChartSeries[],
): AlignedData {
  const values = kind === 'bars' ? stacked(series.map((one) => one.values)) : series.map((one) => one.values)
  return [times.map((time) => time / 1_000), ...values] as AlignedData
}

type Build = {
  readonly onCursor: (index: number | null) => void
  readonly kind: 'lines' | 'bars'
  readonly heightPx: number
  readonly group: string | undefined
  readonly ceiling: number | undefined
}

function optionsOf(
  element: HTMLElement,
  latest: { readonly current: TimeChartProps },
  series: readonly ChartSeries[],
  { onCursor, kind, heightPx, group, ceiling }: Build,
): UPlot.Options {
  const colour = (name: string) => resolvedColour(element, name)
  const axis: UPlot.Axis = {
    stroke: colour('ink-faint'),
    font: `11px ${getComputedStyle(document.body).fontFamily}`,
    grid: { stroke: colour('line'), width: 1 },
    ticks: { show: false },
  }
  return {
    width: element.clientWidth,
    height: heightPx,
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: {
      ...(group !== undefined && { sync: { key: group, setSeries: false } }),
      drag: { x: true, y: false, setScale: false },
      points: { size: 6 },
    },
    scales: {
      x: { time: true },
      y: { range: (_, __, max) => [0, Math.max(max ?? 0, ceiling ?? 0) * 1.08 || 1] },
    },
    axes: [
      { ...axis, space: 70, values: CLOCK },
      {
        ...axis,
        size: 56,
        space: 32,
        values: (_, ticks) => ticks.map((tick) => latest.current.format(tick)),
      },
    ],
    series: [
      {},
      ...series.map(({ label, colour: name }): UPlot.Series => {
        const ink = colour(name)
        return kind === 'bars'
          ? {
              label,
              stroke: ink,
              fill: ink,
              width: 0,
              points: { show: false },
              paths: UPlot.paths.bars!({ size: [0.85, 24] }),
            }
          : {
              label,
              stroke: ink,
              width: 1.5,
              points: { show: true, size: 4, fill: ink, filter: alone },
              spanGaps: false,
            }
      }),
    ],
    hooks: {
      setCursor: [({ cursor }) => onCursor(cursor.idx ?? null)],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select
          if (width < SHORTEST_DRAG_PX) return
          latest.current.onRange?.(plot.posToVal(left, 'x') * 1_000, plot.posToVal(left + width, 'x') * 1_000)
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
        },
      ],
      drawAxes: [
        (plot) => {
          for (const mark of latest.current.marks ?? []) drawUpright(plot, mark.at / 1_000, colour('warn'))
          if (ceiling !== undefined) drawAcross(plot, ceiling, colour('bad'))
        },
      ],
    },
  }
}

/** Twenty-four hours, and the date where a day begins: increment in seconds, its text, and the text at a new year, day and hour. */
const CLOCK: UPlot.Axis.Values = [
  [3_600 * 24, '{D} {MMM}', '\n{YYYY}', null, null, null, null, null, 1],
  [60, '{HH}:{mm}', '\n{D} {MMM} {YYYY}', null, '\n{D} {MMM}', null, null, null, 1],
  [1, '{HH}:{mm}:{ss}', '\n{D} {MMM} {YYYY}', null, '\n{D} {MMM}', null, null, null, 1],
]

/** A value without neighbours is no line: it is drawn as a point. */
function alone(plot: UPlot, series: number): number[] {
  const values: readonly (number | null | undefined)[] = Array.from(plot.data[series] ?? [])
  return values.flatMap((value, at) =>
    (value ?? null) !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null
      ? [at]
      : [],
  )
}

function drawUpright(plot: UPlot, at: number, ink: string): void {
  const x = Math.round(plot.valToPos(at, 'x', true))
  if (x < plot.bbox.left || x > plot.bbox.left + plot.bbox.width) return
  draw(plot, ink, (context) => {
    context.moveTo(x, plot.bbox.top)
    context.lineTo(x, plot.bbox.top + plot.bbox.height)
  })
}

function drawAcross(plot: UPlot, value: number, ink: string): void {
  const y = Math.round(plot.valToPos(value, 'y', true))
  draw(plot, ink, (context) => {
    context.moveTo(plot.bbox.left, y)
    context.lineTo(plot.bbox.left + plot.bbox.width, y)
  })
}

function draw({ ctx }: UPlot, ink: string, path: (context: CanvasRenderingContext2D) => void): void {
  ctx.save()
  ctx.strokeStyle = ink
  ctx.lineWidth = devicePixelRatio
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio])
  ctx.beginPath()
  path(ctx)
  ctx.stroke()
  ctx.restore()
}

/** A canvas knows no variables and no `light-dark()`: what the element would be drawn in. */
function resolvedColour(element: HTMLElement, name: string): string {
  element.style.color = `var(--${name})`
  const { color } = getComputedStyle(element)
  element.style.color = ''
  return color
}
