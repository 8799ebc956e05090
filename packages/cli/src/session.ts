/**
 * Which server, with which token, in which namespace: worked out once for every command.
 *
 * From flags, then the environment, then what `berth login` saved, then what a server on this machine left in the
 * data directory.
 */
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type Client, createClient } from '@berth/contract'
import type { Command } from 'commander'
import { CommandError, EXIT, usageError } from './exit.ts'
import { Printer } from './printer.ts'
import { DEFAULT_PORT, type Environment, homeDirectory } from './serve-settings.ts'

export type GlobalFlags = {
  readonly url?: string
  readonly token?: string
  readonly home?: string
  readonly json?: boolean
  readonly verbose?: boolean
  readonly namespace?: string
}

export type Login = { readonly url?: string; readonly token?: string }

/** What can be known about a server without asking it. */
export type Known = {
  readonly login: Login
  /** Where the server of this data directory answers, if one ran. */
  readonly gatewayUrl: string | undefined
  /** The first user's token of this data directory. */
  readonly homeToken: string | undefined
}

export class Session {
  readonly url: string
  readonly token: string | undefined
  readonly client: Client
  readonly printer: Printer
  readonly fetch: typeof globalThis.fetch
  /** Where a shell finds the token, so that it need not be shown; undefined if there is none or only its text is known. */
  readonly tokenFile: string | undefined
  readonly #namespaceFlag: string | undefined
  #namespace: Promise<string> | undefined

  constructor(flags: GlobalFlags, env: Environment, known: Known) {
    this.url = serverUrl(flags, env, known)
    this.token = serverToken(flags, env, known)
    this.tokenFile =
      this.token && this.token === known.homeToken ? tokenFile(homeDirectory(flags.home, env)) : undefined
    this.printer = new Printer(flags.json ?? false)
    this.fetch = reachable(this.url)
    this.client = createClient({
      baseUrl: this.url,
      fetch: this.fetch,
      ...(this.token ? { token: this.token } : {}),
    })
    this.#namespaceFlag = flags.namespace
  }

  /** The one asked for, else the caller's own. */
  namespace(): Promise<string> {
    this.#namespace ??= this.#namespaceFlag
      ? Promise.resolve(this.#namespaceFlag)
      : this.client.whoami().then((whoami) => whoami.name)
    return this.#namespace
  }

  /** `name` or `namespace/name`, as the API's path parameters. */
  async endpoint(text: string): Promise<{ namespace: string; name: string }> {
    const [first = '', second, ...more] = text.split('/')
    if (more.length > 0 || !first || second === '') {
      throw usageError(`"${text}" is not an endpoint: write its name, or namespace/name.`)
    }
    return second ? { namespace: first, name: second } : { namespace: await this.namespace(), name: first }
  }
}

/** The session of the command that runs. */
export async function openSession(command: Command): Promise<Session> {
  const flags = command.optsWithGlobals<GlobalFlags>()
  return new Session(flags, process.env, await readKnown(homeDirectory(flags.home, process.env)))
}

export function serverUrl(flags: GlobalFlags, env: Environment, known: Known): string {
  const url =
    flags.url ??
    (env['BERTH_URL'] || (known.login.url ?? known.gatewayUrl ?? `http://127.0.0.1:${DEFAULT_PORT}`))
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw usageError(
      `"${url}" is not where a server answers: write it as http://host:port (--url, BERTH_URL).`,
    )
  }
  return url.replace(/\/+$/, '')
}

/** What this machine saved is for the server it was saved with: a token never goes to another URL unasked. */
export function serverToken(flags: GlobalFlags, env: Environment, known: Known): string | undefined {
  const given = flags.token ?? env['BERTH_TOKEN']
  if (given) return given
  const url = serverUrl(flags, env, known)
  if (known.login.token && (known.login.url ?? url) === url) return known.login.token
  const isThisMachine = ['127.0.0.1', '[::1]', 'localhost'].includes(new URL(url).hostname)
  return isThisMachine || url === known.gatewayUrl ? known.homeToken : undefined
}

const loginFile = (home: string) => path.join(home, 'cli.json')
const tokenFile = (home: string) => path.join(home, 'token')

export async function readKnown(home: string): Promise<Known> {
  const [login, gateway, homeToken] = await Promise.all([
    readIfThere(loginFile(home)),
    readIfThere(path.join(home, 'run', 'gateway.json')),
    readIfThere(tokenFile(home)),
  ])
  return {
    login: strings(login, loginFile(home)),
    gatewayUrl: strings(gateway, path.join(home, 'run', 'gateway.json')).url,
    homeToken: homeToken?.trim() || undefined,
  }
}

export async function saveLogin(home: string, login: Login): Promise<string> {
  const file = loginFile(home)
  await mkdir(home, { recursive: true, mode: 0o700 })
  const temporary = `${file}.${process.pid}`
  await writeFile(temporary, `${JSON.stringify(login, undefined, 2)}\n`, { mode: 0o600 })
  await chmod(temporary, 0o600)
  await rename(temporary, file)
  return file
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new CommandError(EXIT.failed, `Cannot read ${file}: ${message}.`, { cause: error })
  }
}

/** The url and token of a small JSON file. */
function strings(text: string | undefined, file: string): Login {
  if (text === undefined) return {}
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new CommandError(EXIT.failed, `${file} is not JSON: delete it, then try again.`, { cause: error })
  }
  const { url, token } = (parsed ?? {}) as Record<string, unknown>
  return {
    ...(typeof url === 'string' ? { url } : {}),
    ...(typeof token === 'string' ? { token } : {}),
  }
}

/** `fetch`, with a sentence for a server that is not there. */
export function reachable(baseUrl: string): typeof globalThis.fetch {
  return async (input, init) => {
    try {
      return await fetch(input, init)
    } catch (error) {
      if (init?.signal?.aborted) throw error
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : ''
      throw new CommandError(
        EXIT.unreachable,
        `Berth does not answer at ${baseUrl}${cause ? ` (${cause})` : ''}: start it with \`berth serve\`, ` +
          'or say where it runs with --url or BERTH_URL.',
        { cause: error },
      )
    }
  }
}
