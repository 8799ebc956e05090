/**
 * Directories of this machine as a source: `file:/path` below an allowed root, and the models of the installation.
 *
 * Nothing is copied. So what is served is what lies there, and the one thing to see to is that nobody gets to files
 * that the operator did not offer: every path is judged after all its links are followed.
 */
import { readdir, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Artifact, ArtifactFile } from '../../domain/artifact.ts'
import { PlatformError } from '../../domain/errors.ts'
import { artifactFailure, isMissing } from '../artifact-failure.ts'
import { isSafeRelativePath } from '../safe-path.ts'

/** A directory, and the files of it that were asked for: all, or the shards of one GGUF file. */
type Place = { readonly directory: string; readonly only: ((name: string) => boolean) | undefined }

const SHARD = /^(.*)-\d{5}-of-(\d{5})\.gguf$/

export class DirectorySource {
  readonly #roots: readonly string[]
  readonly #maxFiles: number

  constructor(roots: readonly string[], maxFiles: number) {
    this.#roots = roots.map((root) => path.resolve(root))
    this.#maxFiles = maxFiles
  }

  /** @param reference `file:/absolute/path` of a directory or of one GGUF file. */
  async resolve(reference: string): Promise<Artifact> {
    const place = await this.#open(reference)
    const roots = await this.#realRoots()
    const files = await this.#list(place, (real) => isBelowOne(real, roots))
    return { source: 'directory', repository: reference, revision: null, files }
  }

  /** Looks again, since links and files may have changed. @returns the directory with the artifact's files. */
  async locate(artifact: Artifact): Promise<string> {
    const { directory } = await this.#open(artifact.repository)
    const roots = await this.#realRoots()
    for (const file of artifact.files) await this.#check(directory, file, roots)
    return directory
  }

  async resolveBuiltin(reference: string, directory: string): Promise<Artifact> {
    const files = await this.#list({ directory, only: undefined }, () => true)
    return { source: 'builtin', repository: reference, revision: null, files }
  }

  async locateBuiltin(artifact: Artifact, directory: string): Promise<string> {
    for (const file of artifact.files) await this.#check(directory, file, [await realpath(directory)])
    return directory
  }

  async #open(reference: string): Promise<Place> {
    const wanted = reference.slice('file:'.length)
    if (!path.isAbsolute(wanted) || wanted.includes('\0')) {
      throw artifactFailure(
        'path_not_found',
        `"${reference}" is not an absolute path. Write file:/absolute/path.`,
      )
    }
    const target = path.resolve(wanted)
    const roots = await this.#realRoots()
    // Judged before looking, so that nobody learns what exists elsewhere.
    if (!isBelowOne(target, [...this.#roots, ...roots])) throw this.#outside(target)

    const real = await followed(target)
    if (!isBelowOne(real, roots)) throw this.#outside(target)
    if ((await stat(real)).isDirectory()) return { directory: real, only: undefined }
    if (!real.endsWith('.gguf')) {
      throw artifactFailure(
        'path_not_found',
        `"${target}" is a single file and not a GGUF file. Name its directory.`,
      )
    }
    return { directory: path.dirname(real), only: shardsOf(path.basename(real)) }
  }

  async #list({ directory, only }: Place, isAllowed: (real: string) => boolean): Promise<ArtifactFile[]> {
    const files: ArtifactFile[] = []
    const walk = async (folder: string, trail: readonly string[]): Promise<void> => {
      const real = await followed(folder)
      // A link to a directory above would never end.
      if (trail.includes(real)) return
      for (const name of (await readdir(folder)).toSorted()) {
        if (name.startsWith('.') || (only && !only(name))) continue
        const file = path.join(folder, name)
        const realFile = await followed(file)
        if (!isAllowed(realFile)) throw this.#outside(file)
        const facts = await stat(realFile)
        if (facts.isDirectory()) await walk(file, [...trail, real])
        else if (facts.isFile()) {
          if (files.length === this.#maxFiles) throw this.#tooMany(directory)
          files.push({
            path: path.relative(directory, file).split(path.sep).join('/'),
            sizeBytes: facts.size,
          })
        }
      }
    }
    await walk(directory, [])
    return files
  }

  async #check(directory: string, file: ArtifactFile, roots: readonly string[]): Promise<void> {
    if (!isSafeRelativePath(file.path)) throw this.#outside(path.join(directory, file.path))
    const wanted = path.join(directory, file.path)
    const real = await followed(wanted)
    if (!isBelowOne(real, roots)) throw this.#outside(wanted)
  }

  async #realRoots(): Promise<string[]> {
    const found = await Promise.all(this.#roots.map((root) => realpath(root).catch(() => undefined)))
    return found.filter((root) => root !== undefined)
  }

  #outside(target: string): PlatformError {
    const wayOut =
      this.#roots.length > 0
        ? `Allowed are: ${this.#roots.join(', ')}. Move the files below one of them, or allow another directory.`
        : 'No directory of this machine is allowed; the operator has to allow one first.'
    return artifactFailure('path_outside_roots', `"${target}" is not below an allowed directory. ${wayOut}`)
  }

  #tooMany(directory: string): PlatformError {
    return new PlatformError(
      'invalid',
      `"${directory}" has more than ${this.#maxFiles} files. Name the directory of one model.`,
    )
  }
}

async function followed(target: string): Promise<string> {
  try {
    return await realpath(target)
  } catch (error) {
    if (!isMissing(error)) throw error
    throw artifactFailure('path_not_found', `There is no "${target}" on this machine. Check the path.`, {
      cause: error,
    })
  }
}

function isBelowOne(target: string, roots: readonly string[]): boolean {
  return roots.some((root) => {
    const way = path.relative(root, target)
    return way === '' || (way !== '..' && !way.startsWith(`..${path.sep}`) && !path.isAbsolute(way))
  })
}

/** A GGUF file that was split is one model: naming any of its shards means all. */
function shardsOf(name: string): (other: string) => boolean {
  const [, stem, count] = SHARD.exec(name) ?? []
  if (stem === undefined) return (other) => other === name
  return (other) => {
    const [, otherStem, otherCount] = SHARD.exec(other) ?? []
    return otherStem === stem && otherCount === count
  }
}
