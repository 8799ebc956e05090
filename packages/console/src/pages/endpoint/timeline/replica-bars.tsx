/** When which replica started, served and ended. */
import type { Timeline } from '@berth/contract'
import { Tooltip } from '../../../design/tooltip.tsx'
import { duration, fullTime } from '../../../text/times.ts'
import { barsOf, ticksOf } from './span-bars.ts'

const PHASES = {
  starting: { word: 'starting', classes: 'bg-busy' },
  ready: { word: 'ready', classes: 'bg-good' },
  draining: { word: 'draining', classes: 'bg-warn' },
} as const

export function ReplicaBars({ timeline }: { readonly timeline: Timeline }) {
  const start = Date.parse(timeline.start)
  const stop = Date.parse(timeline.stop)
  if (timeline.replicas.length === 0) return <p className="text-soft">No replica ran in this time.</p>
  return (
    <div className="flex flex-col gap-2">
      <ul className="flex flex-col gap-1.5">
        {timeline.replicas.map((life) => (
          <li
            key={life.id}
            className="grid grid-cols-[7.5rem_minmax(0,1fr)] items-center gap-3 sm:grid-cols-[11.5rem_minmax(0,1fr)]"
          >
            <span className="truncate font-mono text-xs" title={life.id}>
              {life.id}
            </span>
            <div className="relative h-5 rounded-sm bg-well">
              {barsOf(life, start, stop).map((bar) => {
                const { word, classes } = PHASES[bar.phase]
                const length = duration((bar.to ?? stop) - bar.from)
                const said = `${word} ${bar.to === undefined ? 'for' : 'in'} ${length}, from ${fullTime(bar.from)}`
                return (
                  <Tooltip
                    key={bar.from}
                    text={`${said}${life.gone && bar.to !== undefined ? endOf(life.gone) : ''}`}
                  >
                    <button
                      type="button"
                      aria-label={`${life.id}: ${said}`}
                      className={`absolute inset-y-0.5 rounded-sm ${classes}`}
                      style={{ left: `${bar.left}%`, width: `${bar.width}%` }}
                    />
                  </Tooltip>
                )
              })}
            </div>
          </li>
        ))}
      </ul>
      <div className="grid grid-cols-[7.5rem_minmax(0,1fr)] gap-3 sm:grid-cols-[11.5rem_minmax(0,1fr)]">
        <span className="flex flex-wrap gap-x-2 text-2xs text-soft">
          {Object.values(PHASES).map(({ word, classes }) => (
            <span key={word} className="inline-flex items-center gap-1">
              <span className={`size-2 rounded-full ${classes}`} aria-hidden />
              {word}
            </span>
          ))}
        </span>
        <div className="relative h-4 overflow-hidden text-2xs text-faint tabular">
          {ticksOf(start, stop)
            .filter(isInside(start, stop))
            .map((tick) => (
              <span
                key={tick}
                className="absolute -translate-x-1/2 whitespace-nowrap max-sm:even:hidden"
                style={{ left: `${((tick - start) / Math.max(1, stop - start)) * 100}%` }}
              >
                {tickText(tick, stop - start)}
              </span>
            ))}
        </div>
      </div>
    </div>
  )
}

const DAY_MS = 86_400_000

/** A text at the very edge would be cut off. */
const isInside = (start: number, stop: number) => (tick: number) => {
  const share = (tick - start) / Math.max(1, stop - start)
  return share > 0.02 && share < 0.98
}

function tickText(tick: number, lengthMs: number): string {
  const [date = '', time = ''] = fullTime(tick).split(', ')
  return lengthMs > 2 * DAY_MS ? date.split(' ').slice(0, 2).join(' ') : time.slice(0, 5)
}

const endOf = ({ reason, failed }: NonNullable<Timeline['replicas'][number]['gone']>) =>
  `. ${failed ? 'Failed' : 'Ended'}: ${reason}`
