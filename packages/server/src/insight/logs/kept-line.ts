/**
 * One line of output as it is kept: clean of what would move a terminal's cursor, no longer than it may be, and with
 * the severity that it names.
 */
import { stripVTControlCharacters } from 'node:util'
import { type LogLevel, type LogLine, logLevels } from '@berth/contract'

export type KeptLine = {
  /** When it was written, in milliseconds since the epoch; never before the line before it. */
  readonly at: number
  /** Counts the lines of its replica. */
  readonly number: number
  readonly stream: LogLine['stream']
  readonly level: LogLevel | null
  readonly text: string
}

/** Of a longer line the beginning is kept. */
export const MAX_LINE_CHARACTERS = 32_768

/** What is no text: a tab is. And what turns the direction of text around. */
const CONTROLS = /[[\p{Cc}\p{Bidi_Control}\u{feff}]--\t]/gv

export function cleanText(text: string): string {
  const cut = text.length > MAX_LINE_CHARACTERS ? text.slice(0, MAX_LINE_CHARACTERS) : text
  // A progress bar draws itself over and over: what is on the screen in the end is what it says.
  const drawn = cut.includes('\r') ? cut.slice(cut.trimEnd().lastIndexOf('\r') + 1) : cut
  const clean = stripVTControlCharacters(drawn).replace(CONTROLS, '').toWellFormed()
  return cut === text ? clean : `${clean} … (${text.length - MAX_LINE_CHARACTERS} more characters)`
}

/** Looked for at the beginning of a line alone: further on, the word is a word. */
const LEVEL_CHARACTERS = 160
const WORDS: Readonly<Record<string, LogLevel>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  notice: 'info',
  warn: 'warn',
  warning: 'warn',
  err: 'error',
  error: 'error',
  critical: 'error',
  fatal: 'error',
  panic: 'error',
}
const SHOUTED =
  /(?:^|[^A-Za-z])(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERR|ERROR|CRITICAL|FATAL|PANIC)(?![A-Za-z])/
const NAMED =
  /(?:"?(?:level|lvl|severity)"?\s*[:=]\s*"?|[[<])(trace|debug|info|notice|warn|warning|err|error|critical|fatal|panic)(?![a-z])/i
/** As pino and bunyan number them. */
const NUMBERED = /"level"\s*:\s*([1-6])0\b/
const BY_NUMBER: readonly LogLevel[] = ['debug', 'debug', 'info', 'warn', 'error', 'error']
const TRACEBACK = /^(?:Traceback \(most recent call last\)|[A-Za-z_.]*(?:Error|Exception): )/

export function levelOf(text: string): LogLevel | null {
  const start = text.slice(0, LEVEL_CHARACTERS)
  const word = NAMED.exec(start)?.[1] ?? SHOUTED.exec(start)?.[1]
  if (word) return WORDS[word.toLowerCase()] ?? null
  const number = NUMBERED.exec(start)?.[1]
  if (number) return BY_NUMBER[Number(number) - 1] ?? null
  return TRACEBACK.test(start) ? 'error' : null
}

const SEVERITY = new Map(logLevels.map((level, i) => [level, i]))

/** Whether a line is as bad as that, or worse; one that names no severity is not. */
export const isAtLeast = (line: KeptLine, level: LogLevel) =>
  line.level !== null && SEVERITY.get(line.level)! >= SEVERITY.get(level)!
