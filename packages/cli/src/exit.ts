/** How the command ends: its exit codes, and which error means which. The codes are documented in `berth --help`. */
import { ApiError, type ErrorCode } from '@berth/contract'

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  unreachable: 5,
  interrupted: 130,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export const EXIT_HELP = `
Exit codes:
  0    done
  1    failed
  2    wrong usage
  3    not found
  4    refused: no valid token, or not allowed (401, 403)
  5    the server does not answer
  130  interrupted with Ctrl-C`

/** Something that the command says on purpose and that no server said. */
export class CommandError extends Error {
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options)
    this.name = 'CommandError'
    this.exitCode = exitCode
  }
}

export const usageError = (message: string) => new CommandError(EXIT.usage, message)

/** Ends the command without another word: whatever there was to say has been said. */
export class SilentExit extends CommandError {
  constructor(exitCode: ExitCode) {
    super(exitCode, '')
    this.name = 'SilentExit'
  }
}

export function exitCodeOf(thrown: unknown): ExitCode {
  if (thrown instanceof CommandError) return thrown.exitCode
  if (thrown instanceof ApiError) return exitCodeForApi(thrown.code)
  return EXIT.failed
}

function exitCodeForApi(code: ErrorCode): ExitCode {
  switch (code) {
    case 'unauthenticated':
    case 'forbidden':
      return EXIT.refused
    case 'not_found':
      return EXIT.notFound
    default:
      return EXIT.failed
  }
}

/** What a person reads, one line per thought; with `verbose`, also what a bug report needs. */
export function explain(thrown: unknown, verbose: boolean): string {
  if (thrown instanceof ApiError) {
    const { error, field, code, reason, requestId } = thrown.body
    const lines = [field && !error.includes(field) ? `${field}: ${error}` : error]
    if (code === 'unauthenticated') lines.push('Sign in with `berth login`, or pass --token or BERTH_TOKEN.')
    if (verbose) {
      lines.push(
        `code ${code}${reason ? ` (${reason})` : ''}, HTTP ${thrown.status}, request ${requestId ?? '?'}`,
      )
    }
    return lines.join('\n')
  }
  if (!(thrown instanceof Error)) return String(thrown)
  const expected = thrown instanceof CommandError || thrown.name === 'PlatformError'
  return verbose && !expected ? (thrown.stack ?? thrown.message) : thrown.message
}

/** The same for `--json`: what went wrong as one object, on stderr. */
export function explainJson(thrown: unknown): object {
  if (thrown instanceof ApiError) return { ...thrown.body, status: thrown.status }
  return { error: thrown instanceof Error ? thrown.message : String(thrown), exitCode: exitCodeOf(thrown) }
}
