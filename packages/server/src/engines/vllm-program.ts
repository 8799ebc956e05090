/**
 * The `vllm` program of this machine, for those who serve with vLLM and without containers.
 *
 * It is not looked for on PATH, as llama-server is: to try whether one works takes half a minute of imports.
 */
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import path from 'node:path'
import { messageOf, PlatformError } from '../domain/errors.ts'

/**
 * @param setting BERTH_VLLM: the path of a program, or nothing where vLLM runs in containers alone.
 * @throws PlatformError `invalid` when nothing can be run there.
 */
export async function vllmProgram(setting: string | undefined): Promise<string | undefined> {
  if (!setting) return undefined
  const program = path.resolve(setting)
  try {
    await access(program, constants.X_OK)
    if (!(await stat(program)).isFile()) throw new Error('it is a directory')
    return program
  } catch (cause) {
    throw new PlatformError(
      'invalid',
      `BERTH_VLLM is "${setting}", and that cannot be run: ${messageOf(cause)}. Give the path of the program "vllm", as "pip install vllm" puts it into the bin directory of its environment, or leave it out.`,
      { field: 'BERTH_VLLM', cause },
    )
  }
}
