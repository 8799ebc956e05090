/** How far a pull is, from what the daemon says while it pulls: one JSON object per line, about one layer each. */
const MEGABYTE = 1e6
const GIGABYTE = 1e9

type Layer = { readonly currentBytes: number; readonly totalBytes: number; readonly isThere: boolean }

type Event = {
  readonly id?: string
  readonly status?: string
  readonly error?: string
  readonly progressDetail?: { readonly current?: number; readonly total?: number }
}

const DOWNLOADED = ['Download complete', 'Verifying Checksum', 'Extracting', 'Pull complete']
const WAITING = ['Pulling fs layer', 'Waiting']

export class PullProgress {
  readonly #layers = new Map<string, Layer>()

  /** @returns the daemon's error, if the line is one. */
  hear(line: string): string | undefined {
    const { id, status, error, progressDetail } = parse(line)
    if (error !== undefined) return error
    if (id === undefined || status === undefined) return undefined
    const known = this.#layers.get(id) ?? { currentBytes: 0, totalBytes: 0, isThere: false }
    if (status === 'Downloading') {
      const { current = 0, total = 0 } = progressDetail ?? {}
      this.#layers.set(id, { currentBytes: current, totalBytes: total, isThere: false })
    } else if (DOWNLOADED.includes(status)) {
      this.#layers.set(id, { ...known, currentBytes: known.totalBytes, isThere: true })
    } else if (WAITING.includes(status)) {
      this.#layers.set(id, known)
    }
    return undefined
  }

  /** For a person. The total grows while the daemon learns of more layers. */
  text(): string {
    const layers = [...this.#layers.values()]
    if (layers.length === 0) return 'asking the registry'
    const sum = (of: (layer: Layer) => number) => layers.reduce((total, layer) => total + of(layer), 0)
    const there = layers.filter(({ isThere }) => isThere).length
    const bytes = `${inWords(sum((layer) => layer.currentBytes))} of ${inWords(sum((layer) => layer.totalBytes))}`
    return `${bytes}, ${there} of ${layers.length} layers`
  }
}

function parse(line: string): Event {
  try {
    return JSON.parse(line) as Event
  } catch {
    return {}
  }
}

const inWords = (bytes: number) =>
  bytes >= GIGABYTE ? `${(bytes / GIGABYTE).toFixed(1)} GB` : `${Math.round(bytes / MEGABYTE)} MB`
