/**
 * Looks for a real `llama-server` on this machine: where the setting says, on PATH, in Berth's own cache.
 *
 * A program counts when it runs and says its version. What merely looks like one on PATH is passed over, because
 * nobody asked for it; what the setting names must work, or Berth does not start.
 */
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { messageOf, PlatformError } from '../domain/errors.ts'

export type LlamaServer = { readonly path: string; readonly version: string }

export type WhereToLook = {
  /** BERTH_LLAMA_SERVER: a path; "off" for the embedded program whatever there is. */
  readonly setting: string | undefined
  /** The PATH variable. */
  readonly path: string | undefined
  readonly cacheDirectory: string
}

/** The first start maps a hundred megabytes of libraries from a cold disk. */
const VERSION_TIMEOUT_MS = 10_000
const PROGRAM = process.platform === 'win32' ? 'llama-server.exe' : 'llama-server'

/** @throws PlatformError `invalid` when the setting names something that does not work. */
export async function findLlamaServer(where: WhereToLook): Promise<LlamaServer | undefined> {
  if (where.setting === 'off') return undefined
  if (where.setting) return await named(where.setting)

  for (const directory of [
    ...(where.path ?? '').split(path.delimiter),
    llamaDirectory(where.cacheDirectory),
  ]) {
    if (!path.isAbsolute(directory)) continue
    const candidate = path.join(directory, PROGRAM)
    const version = await versionOf(candidate).catch(() => undefined)
    if (version) return { path: candidate, version }
  }
  return undefined
}

/** Where a `llama-server` that belongs to Berth lies. */
export const llamaDirectory = (cacheDirectory: string) => path.join(cacheDirectory, 'llama.cpp', 'bin')

async function named(setting: string): Promise<LlamaServer> {
  const program = path.resolve(setting)
  const version = await versionOf(program).catch((cause: unknown) => {
    throw new PlatformError(
      'invalid',
      `BERTH_LLAMA_SERVER is "${setting}", and that does not run: ${messageOf(cause).trim()}. Give the path of a llama-server, "off" for the embedded engine, or leave it out.`,
      { cause },
    )
  })
  return { path: program, version }
}

async function versionOf(program: string): Promise<string> {
  // llama.cpp prints its version on stderr.
  const { stdout, stderr } = await promisify(execFile)(program, ['--version'], {
    timeout: VERSION_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  })
  const version = /^version:\s*(.+)$/m.exec(`${stderr}\n${stdout}`)?.[1]
  if (!version) throw new Error('its --version prints no line "version: …"')
  return version.trim()
}
