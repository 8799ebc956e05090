/** `berth token`: access tokens. The text of a new one is printed once and kept nowhere. */
import { TokenRole } from '@berth/contract'
import type { Command } from 'commander'
import { usageError } from '../exit.ts'
import { type LimitFlags, limitsFrom, withLimitFlags } from '../limit-flags.ts'
import { openSession } from '../session.ts'
import { table } from '../table.ts'

type CreateFlags = LimitFlags & {
  readonly role?: string
  readonly expires?: string
  readonly urgency?: string
}

export function addToken(program: Command): void {
  const token = program.command('token').description('create, list and revoke access tokens')

  const create = token
    .command('create')
    .description('create a token and print it; it is shown only now')
    .argument('<name>', 'to recognise it by')
    .option('--role <role>', 'read: look and call endpoints; write: also change them', 'write')
    .option('--urgency <0-7>', 'most urgent that its requests may ask to be; 0 is most, 3 usual')
    .option('--expires <date>', 'when it ends, for example 2030-01-31 or 2030-01-31T12:00:00Z')
  withLimitFlags(create).action(async (name: string, flags: CreateFlags, command: Command) => {
    const role = TokenRole.safeParse(flags.role)
    if (!role.success) throw usageError(`--role is "${flags.role}": choose read or write.`)
    const session = await openSession(command)
    const body = {
      name,
      role: role.data,
      expiresAt: expiry(flags.expires),
      limits: { ...limitsFrom(flags), ...urgencyIn(flags) },
    }
    const created = await session.client.createToken({ body })
    session.printer.result(created, () => created.token)
  })

  token
    .command('list')
    .alias('ls')
    .description('list your tokens')
    .action(async (_flags: unknown, command: Command) => {
      const session = await openSession(command)
      const tokens = await session.client.listTokens()
      session.printer.result(tokens, () =>
        table(
          ['ID', 'NAME', 'ROLE', 'BEGINS WITH', 'CREATED', 'LAST USED', 'EXPIRES'],
          tokens.items.map(({ id, name, role, prefix, createdAt, lastUsedAt, expiresAt }) => [
            id,
            name,
            role,
            prefix,
            createdAt,
            lastUsedAt ?? 'never',
            expiresAt ?? 'never',
          ]),
        ),
      )
    })

  token
    .command('revoke')
    .description('end a token at once')
    .argument('<id>', 'as `berth token list` shows it')
    .action(async (id: string, _flags: unknown, command: Command) => {
      const session = await openSession(command)
      await session.client.revokeToken({ params: { id } })
      session.printer.result({ revoked: id }, () => `Revoked ${id}.`)
    })
}

function expiry(text: string | undefined): string | null {
  if (text === undefined) return null
  const date = new Date(text)
  if (Number.isNaN(date.getTime()))
    throw usageError(`--expires is "${text}": write a date such as 2030-01-31.`)
  return date.toISOString()
}

function urgencyIn({ urgency }: CreateFlags): { readonly urgency?: number } {
  if (urgency === undefined) return {}
  if (/^[0-7]$/.test(urgency)) return { urgency: Number(urgency) }
  throw usageError(`--urgency is "${urgency}": it must be a whole number from 0, the most urgent, to 7.`)
}
