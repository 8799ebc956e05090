/** `--router` and what goes with it. The API replaces a router as a whole, so flags are merged with what is there. */
import type { Endpoint, EndpointWithStatus } from '@berth/contract'
import type { Command } from 'commander'
import { usageError } from './exit.ts'
import { assignments, count } from './flag-values.ts'

export type RouterFlags = {
  readonly router?: string
  readonly routerEnv?: readonly string[]
  readonly routerPort?: string
}

export function withRouterFlags(command: Command): Command {
  const collect = (value: string, earlier: readonly string[] | undefined) => [...(earlier ?? []), value]
  return command
    .option('--router <image>', 'a router of your own, as docs/custom-router.md says; none for Berth’s')
    .option('--router-env <KEY=VALUE>', 'environment of the router; repeatable', collect)
    .option('--router-port <port>', 'where the router’s image listens; 3000 if left out')
}

/** Only what the flags name. @throws CommandError for a flag that cannot be understood. */
export function routerFrom(
  { router, routerEnv, routerPort }: RouterFlags,
  current: EndpointWithStatus['customRouter'],
): Pick<Endpoint, 'customRouter'> {
  const asksForMore = routerEnv !== undefined || routerPort !== undefined
  if (router === undefined && !asksForMore) return {}
  if (router === 'none') {
    if (asksForMore)
      throw usageError('--router none goes with no other flag of a router: it takes the router away.')
    return { customRouter: null }
  }
  const tag = router ?? current?.tag
  if (!tag) throw usageError('There is no router to set this for: name one with --router.')
  const env = { ...current?.env, ...assignments('--router-env', routerEnv ?? []) }
  const port = count('--router-port', routerPort) ?? current?.port
  return {
    customRouter: {
      tag,
      ...(Object.keys(env).length > 0 ? { env } : {}),
      ...(port === undefined ? {} : { port }),
    },
  }
}
