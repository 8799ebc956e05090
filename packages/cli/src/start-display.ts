/**
 * Shows an endpoint starting, on stderr: one moving line with a bar at a terminal, a line per change elsewhere.
 *
 * The moving line is drawn here because the prompts library takes the keyboard while it draws one, and turns Ctrl-C
 * into success.
 */
import { stripVTControlCharacters } from 'node:util'
import type { EndpointWithStatus } from '@berth/contract'
import { isInteractive } from './printer.ts'
import { bytes, duration } from './table.ts'

type Status = EndpointWithStatus['status']
type Progress = NonNullable<Status['progress']>

export interface StartDisplay {
  show(status: Status): void
  /** Call it once, whatever happened. */
  end(): void
}

/** A terminal that does not know its width, as in some containers, cannot redraw a line. */
const NARROWEST_COLUMNS = 20

export function createStartDisplay(json: boolean): StartDisplay {
  const write = (text: string) => void process.stderr.write(text)
  if (!isInteractive(json) || !(process.stderr.columns >= NARROWEST_COLUMNS)) return new LineDisplay(write)
  return new MovingLineDisplay(write, () => process.stderr.columns)
}

/** A line when the state or the message changes, and one for each tenth of a download. */
export class LineDisplay implements StartDisplay {
  readonly #write: (text: string) => void
  #last = ''

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  show(status: Status): void {
    const download = downloadOf(status)
    const key = `${status.state} ${download ? Math.floor(10 * fractionOf(download)) : status.message}`
    if (key === this.#last) return
    this.#last = key
    this.#write(`${startLine(status)}\n`)
  }

  end(): void {}
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const FRAME_MS = 100
const BAR_CELLS = 20
const TO_LINE_START = '\r\u001b[K'

/** One line, drawn again and again; nothing of it is left at the end. */
export class MovingLineDisplay implements StartDisplay {
  readonly #write: (text: string) => void
  readonly #columns: () => number
  readonly #timer: NodeJS.Timeout
  #frame = 0
  #text = ''

  constructor(write: (text: string) => void, columns: () => number) {
    this.#write = write
    this.#columns = columns
    this.#timer = setInterval(() => this.#draw(), FRAME_MS).unref()
  }

  show(status: Status): void {
    const download = downloadOf(status)
    this.#text = download ? `${bar(fractionOf(download))} ${startLine(status)}` : startLine(status)
    this.#draw()
  }

  end(): void {
    clearInterval(this.#timer)
    this.#write(TO_LINE_START)
  }

  #draw(): void {
    const line = `${FRAMES[this.#frame++ % FRAMES.length]} ${this.#text}`
    this.#write(TO_LINE_START + line.slice(0, this.#columns() - 1))
  }
}

function bar(fraction: number): string {
  const done = Math.floor(BAR_CELLS * fraction)
  return '█'.repeat(done) + '░'.repeat(BAR_CELLS - done)
}

/** `state: message`, or how a download goes. An engine may have printed what it likes: no escape codes, one line. */
function startLine(status: Status): string {
  const download = downloadOf(status)
  const message = stripVTControlCharacters(status.message).split('\n', 1)[0]
  return `${status.state}: ${download ? downloadLine(download) : message}`
}

/** An engine without files has nothing to download, and a download whose size nobody knows has no bar. */
function downloadOf({ progress }: Status): Progress | undefined {
  return progress?.phase === 'downloading' && progress.bytesTotal ? progress : undefined
}

const fractionOf = ({ bytesDone = 0, bytesTotal = 0 }: Progress) =>
  bytesTotal > 0 ? Math.min(1, bytesDone / bytesTotal) : 0

/** How far, how fast, how long still. */
function downloadLine(progress: Progress): string {
  const { bytesDone = 0, bytesTotal = 0, bytesPerSecond, etaMs } = progress
  return [
    `downloading ${bytes(bytesDone)} of ${bytes(bytesTotal)} (${Math.floor(100 * fractionOf(progress))} %)`,
    bytesPerSecond === undefined ? undefined : `${bytes(bytesPerSecond)}/s`,
    etaMs === undefined ? undefined : `${duration(etaMs)} left`,
  ]
    .filter(Boolean)
    .join(', ')
}
