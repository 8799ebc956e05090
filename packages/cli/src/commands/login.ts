/** `berth login` and `berth whoami`: which server this machine talks to, and as whom. */

import type { Whoami } from '@berth/contract'
import { isCancel, password } from '@clack/prompts'
import type { Command } from 'commander'
import { EXIT, SilentExit, usageError } from '../exit.ts'
import { isInteractive } from '../printer.ts'
import { homeDirectory } from '../serve-settings.ts'
import { type GlobalFlags, openSession, readKnown, Session, saveLogin, serverUrl } from '../session.ts'
import { readStdin } from '../stdin.ts'

export function addLogin(program: Command): void {
  program
    .command('login')
    .description('remember a server and a token (--url, --token; the token may also come on stdin)')
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<GlobalFlags>()
      const home = homeDirectory(flags.home, process.env)
      const known = await readKnown(home)
      const url = serverUrl(flags, process.env, known)
      const token = (
        flags.token ??
        process.env['BERTH_TOKEN'] ??
        (await askForToken(url, flags.json ?? false))
      ).trim()
      if (!token) throw usageError('No token was given: pass --token, or write it on stdin.')
      const session = new Session({ ...flags, url, token }, process.env, known)
      const whoami = await session.client.whoami()
      const file = await saveLogin(home, { url, token })
      session.printer.result(
        { url, name: whoami.name, file },
        () => `Signed in to ${url} as ${whoami.name}. Saved in ${file}.`,
      )
    })
}

async function askForToken(url: string, json: boolean): Promise<string> {
  if (!isInteractive(json)) return await readStdin()
  const answer = await password({ message: `Token for ${url}`, output: process.stderr })
  if (isCancel(answer)) throw new SilentExit(EXIT.interrupted)
  return answer ?? ''
}

export function addWhoami(program: Command): void {
  program
    .command('whoami')
    .description('show whose token is in use, and at which server')
    .action(async (_flags: unknown, command: Command) => {
      const session = await openSession(command)
      const whoami = await session.client.whoami()
      session.printer.result(whoami, () => sentence(whoami, session.url))
    })
}

function sentence({ name, orgs, auth }: Whoami, url: string): string {
  const { displayName, role } = auth.accessToken
  const also = orgs.length > 0 ? `, member of ${orgs.map((org) => org.name).join(', ')}` : ''
  return `${name}${also} at ${url} (token "${displayName}", ${role})`
}
