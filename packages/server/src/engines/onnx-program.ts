/**
 * Looks for the program that serves ONNX models on the machine itself.
 *
 * It is a package of this repository whose 300 MB of libraries come only with `npm run toolkit:install`.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const PROGRAM = new URL('../../../toolkit/src/toolkit-main.ts', import.meta.url)

/** What a person types to have it. */
export const INSTALL_COMMAND = 'npm run toolkit:install'

/** @returns the program's path, or `undefined` while what it needs is not installed. */
export function findOnnxProgram(program: URL = PROGRAM): string | undefined {
  const path = fileURLToPath(program)
  if (!existsSync(path)) return undefined
  try {
    createRequire(path).resolve('@huggingface/transformers')
    return path
  } catch {
    return undefined
  }
}
