/** The flags of how the gateway answers for an endpoint: from memory, by somebody else, and to which pages. */
import type { Endpoint } from '@berth/contract'
import type { Command } from 'commander'
import { usageError } from './exit.ts'

export type ServingFlags = {
  readonly cache?: string
  readonly fallback?: string
  readonly corsOrigin?: readonly string[]
}

type Serving = Pick<Endpoint, 'cacheHttpResponses' | 'fallback' | 'cors'>

export function withServingFlags(command: Command): Command {
  const collect = (value: string, earlier: readonly string[] | undefined) => [...(earlier ?? []), value]
  return command
    .option('--cache <on|off>', 'give answers again to requests that have one right answer')
    .option('--fallback <endpoint>', 'who answers when it is cold, overloaded or failed; none for nobody')
    .option(
      '--cors-origin <origin>',
      'pages that may call it: an origin, or *; none for no page; repeatable',
      collect,
    )
}

/** Only what the flags name. @throws CommandError for a flag that cannot be understood. */
export function servingFrom({ cache, fallback, corsOrigin }: ServingFlags): Serving {
  if (cache !== undefined && cache !== 'on' && cache !== 'off') {
    throw usageError(`--cache is "${cache}": write on or off.`)
  }
  if (corsOrigin?.includes('none') && corsOrigin.length > 1) {
    throw usageError('--cors-origin none goes with no other: it lets no page call the endpoint.')
  }
  return {
    ...(cache === undefined ? {} : { cacheHttpResponses: cache === 'on' }),
    ...(fallback === undefined ? {} : { fallback: fallback === 'none' ? null : { endpoint: fallback } }),
    ...(corsOrigin === undefined
      ? {}
      : { cors: corsOrigin[0] === 'none' ? null : { origins: [...corsOrigin] } }),
  }
}
