/** A line of a log as it is shown: hostile text, made harmless and short. Pure. */

/** Longer lines are cut on the page; the download has them whole. */
export const MAX_SHOWN_CHARACTERS = 4_000

/** Colours and cursor movements of terminals (ECMA-48, "control sequences"), and titles of windows. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const TERMINAL = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g
/** What else would move or hide something: controls, and marks that turn the direction of writing round. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the same
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g

export function shownText(line: string): { readonly text: string; readonly cut: number } {
  const plain = line
    .slice(0, MAX_SHOWN_CHARACTERS * 2)
    .replace(TERMINAL, '')
    .replace(INVISIBLE, '\ufffd')
  const text = plain.slice(0, MAX_SHOWN_CHARACTERS)
  return {
    text,
    cut: Math.max(0, line.length - Math.max(text.length, Math.min(line.length, MAX_SHOWN_CHARACTERS))),
  }
}

/** Where a search matches, so that it can be marked: pieces in order, every second one a match. */
export function pieces(text: string, search: string): readonly string[] {
  if (search === '') return [text]
  const found: string[] = []
  const lower = text.toLowerCase()
  const needle = search.toLowerCase()
  // A letter that changes its length with its case would shift what is found.
  if (lower.length !== text.length) return [text]
  let from = 0
  for (let at = lower.indexOf(needle); at !== -1; at = lower.indexOf(needle, from)) {
    found.push(text.slice(from, at), text.slice(at, at + needle.length))
    from = at + needle.length
  }
  return [...found, text.slice(from)]
}

export type TimeZone = 'local' | 'utc'

/** "14:03:07.120", with the date before it when it is another day than `now`. */
export function lineTime(timestamp: string, zone: TimeZone, now: number): string {
  const at = new Date(timestamp)
  if (Number.isNaN(at.getTime())) return timestamp
  const [date, time] = zone === 'utc' ? split(at.toISOString()) : split(localIso(at))
  const [today] = zone === 'utc' ? split(new Date(now).toISOString()) : split(localIso(new Date(now)))
  return date === today ? time : `${date} ${time}`
}

const split = (iso: string): [string, string] => [iso.slice(0, 10), iso.slice(11, 23)]

const localIso = (at: Date) => new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString()
