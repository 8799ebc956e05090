/** The flags of limits, which tokens and endpoints share. */
import type { UsageLimits } from '@berth/contract'
import type { Command } from 'commander'
import { usageError } from './exit.ts'

export type LimitFlags = {
  readonly requestsPerMinute?: string
  readonly tokensPerMinute?: string
  readonly concurrent?: string
  readonly maxBody?: string
  readonly requestSeconds?: string
}

const FLAGS = {
  requestsPerMinute: { flag: '--requests-per-minute', limit: 'requestsPerMinute' },
  tokensPerMinute: { flag: '--tokens-per-minute', limit: 'tokensPerMinute' },
  concurrent: { flag: '--concurrent', limit: 'concurrentRequests' },
  maxBody: { flag: '--max-body', limit: 'bodyBytes' },
  requestSeconds: { flag: '--request-seconds', limit: 'requestSeconds' },
} as const satisfies Record<keyof LimitFlags, { flag: string; limit: keyof UsageLimits }>

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }

export function withLimitFlags(command: Command): Command {
  return command
    .option('--requests-per-minute <number>', 'limit; 0 refuses every request')
    .option('--tokens-per-minute <number>', 'limit, input and output together')
    .option('--concurrent <number>', 'limit of requests at the same time')
    .option('--max-body <bytes>', 'limit of one request\u2019s body, for example 512k or 8m')
    .option('--request-seconds <number>', 'limit of the time from a request to the end of its answer')
}

/** `before` with what the flags say; `none` takes a limit away. @throws CommandError for a flag that is no number. */
export function limitsFrom(flags: LimitFlags, before: UsageLimits = {}): UsageLimits {
  const limits = { ...before }
  for (const [name, { flag, limit }] of Object.entries(FLAGS)) {
    const text = flags[name as keyof LimitFlags]
    if (text === undefined) continue
    if (text === 'none') delete limits[limit]
    else limits[limit] = limit === 'bodyBytes' ? bytes(flag, text) : count(flag, text)
  }
  return limits
}

export const hasLimitFlag = (flags: LimitFlags) =>
  Object.keys(FLAGS).some((name) => flags[name as keyof LimitFlags] !== undefined)

function count(flag: string, text: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text)
  throw usageError(`${flag} is "${text}": it must be a whole number from 0, or none.`)
}

function bytes(flag: string, text: string): number {
  const match = /^(\d{1,9})([kmg]?)$/i.exec(text)
  if (match) return Number(match[1]) * UNITS[match[2]!.toLowerCase()]!
  throw usageError(`${flag} is "${text}": write a number of bytes, such as 4096, 512k or 8m, or none.`)
}
