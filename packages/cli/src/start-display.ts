/**
 * Shows an endpoint starting, on stderr: a moving line and a download bar at a terminal, a line per change elsewhere.
 */
import type { EndpointWithStatus } from '@berth/contract'
import { progress as progressBar, spinner } from '@clack/prompts'
import { isInteractive } from './printer.ts'
import { bytes, duration } from './table.ts'

type Status = EndpointWithStatus['status']
type Progress = NonNullable<Status['progress']>

export interface StartDisplay {
  show(status: Status): void
  /** Call it once, whatever happened. */
  end(): void
}

export function createStartDisplay(json: boolean): StartDisplay {
  return isInteractive(json)
    ? new TerminalDisplay()
    : new LineDisplay((line) => process.stderr.write(`${line}\n`))
}

/** A line when the state or the message changes, and one for each tenth of a download. */
export class LineDisplay implements StartDisplay {
  readonly #write: (line: string) => void
  #last = ''

  constructor(write: (line: string) => void) {
    this.#write = write
  }

  show(status: Status): void {
    const download = status.progress?.phase === 'downloading' ? status.progress : undefined
    const tenth = download ? Math.floor(10 * fractionOf(download)) : undefined
    const key = `${status.state} ${tenth ?? status.message}`
    if (key === this.#last) return
    this.#last = key
    this.#write(`${status.state}: ${download ? downloadLine(download) : status.message}`)
  }

  end(): void {}
}

const BAR_STEPS = 100

class TerminalDisplay implements StartDisplay {
  #moving:
    | { readonly kind: 'spinner' | 'bar'; readonly stop: () => void; readonly show: (status: Status) => void }
    | undefined

  show(status: Status): void {
    const kind = status.progress?.phase === 'downloading' ? 'bar' : 'spinner'
    if (this.#moving?.kind !== kind) {
      this.end()
      this.#moving = kind === 'bar' ? startBar() : startSpinner()
    }
    this.#moving.show(status)
  }

  end(): void {
    this.#moving?.stop()
    this.#moving = undefined
  }
}

function startSpinner() {
  const line = spinner({ output: process.stderr })
  line.start()
  return {
    kind: 'spinner' as const,
    show: (status: Status) => line.message(`${status.state}: ${status.message}`),
    stop: () => line.clear(),
  }
}

function startBar() {
  const bar = progressBar({ max: BAR_STEPS, output: process.stderr })
  let shown = 0
  bar.start('downloading')
  return {
    kind: 'bar' as const,
    show: ({ progress }: Status) => {
      if (!progress) return
      const done = Math.floor(BAR_STEPS * fractionOf(progress))
      bar.advance(Math.max(0, done - shown), downloadLine(progress))
      shown = Math.max(shown, done)
    },
    stop: () => bar.clear(),
  }
}

const fractionOf = ({ bytesDone = 0, bytesTotal = 0 }: Progress) =>
  bytesTotal > 0 ? Math.min(1, bytesDone / bytesTotal) : 0

/** How far, how fast, how long still. */
export function downloadLine(progress: Progress): string {
  const { bytesDone = 0, bytesTotal = 0, bytesPerSecond, etaMs } = progress
  return [
    `downloading ${bytes(bytesDone)} of ${bytes(bytesTotal)} (${Math.floor(100 * fractionOf(progress))} %)`,
    bytesPerSecond === undefined ? undefined : `${bytes(bytesPerSecond)}/s`,
    etaMs === undefined ? undefined : `${duration(etaMs)} left`,
  ]
    .filter(Boolean)
    .join(', ')
}
