/**
 * Which GGUF of a repository is served: one model, perhaps in several parts.
 *
 * A repository often holds the same model in twenty quantisations. This module reads file names and nothing else;
 * what is inside a file is for the engine to find out.
 */
import type { ArtifactFile } from '../domain/artifact.ts'
import { PlatformError } from '../domain/errors.ts'
import type { ModelFacts } from './engine.ts'

export type GgufWish = {
  /** One file, with or without `/repository/` in front. */
  readonly modelPath?: string | undefined
  /** A glob over paths (`Q8_0/*`) or the name of a quantisation (`Q4_K_M`), in any case. */
  readonly variant?: string | null | undefined
}

/** One model: a single file, or its parts in order. */
export type Gguf = {
  readonly files: readonly [string, ...string[]]
  /** In upper case, `Q4_K_M`; undefined when the name does not say. */
  readonly quantisation: string | undefined
  readonly sizeBytes: number
  /** Parts that the names promise and the repository lacks. */
  readonly missingParts: readonly number[]
}

/**
 * What is taken when nothing was asked for, best first: small enough for most machines at hardly any loss, then
 * better and larger, then worse and smaller, then unquantised.
 */
const PREFERENCE = [
  ...['Q4_K_M', 'Q4_K_XL', 'Q4_K_L', 'Q4_K_S', 'Q5_K_M', 'Q5_K_S', 'IQ4_XS', 'IQ4_NL', 'MXFP4', 'MXFP4_MOE'],
  ...[
    'Q4_1',
    'Q4_0',
    'Q5_1',
    'Q5_0',
    'Q6_K',
    'Q8_0',
    'Q3_K_L',
    'Q3_K_M',
    'IQ3_M',
    'IQ3_S',
    'Q3_K_S',
    'IQ3_XS',
  ],
  ...['IQ3_XXS', 'Q2_K', 'Q2_K_S', 'IQ2_M', 'IQ2_S', 'IQ2_XS', 'IQ2_XXS', 'TQ2_0', 'TQ1_0', 'IQ1_M', 'IQ1_S'],
  ...['BF16', 'F16', 'F32'],
]

const MAX_NAMES_IN_MESSAGE = 20
const QUANTISATION =
  /(?<=^|[-._/])(?:I?Q[1-8](?:_(?:\d|K|NL|XXS|XS|S|M|L|XL))+|TQ[12]_0|MXFP4(?:_MOE)?|BF16|FP?16|FP?32)(?=$|[-._/])/gi
const PART = /^(?<stem>.*)-(?<part>\d{5})-of-(?<parts>\d{5})\.gguf$/i

/** All models in a repository that can be served on their own: no projectors, no importance matrices. */
export function ggufsOf(files: readonly ArtifactFile[]): readonly Gguf[] {
  const groups = new Map<string, { readonly parts: number; readonly byPart: Map<number, ArtifactFile> }>()
  for (const file of files) {
    if (!isGguf(file.path) || isCompanion(file.path)) continue
    const { stem, part = '1', parts = '1' } = PART.exec(file.path)?.groups ?? { stem: file.path }
    const key = `${stem} ${parts}`
    const group = groups.get(key) ?? { parts: Number(parts), byPart: new Map() }
    group.byPart.set(Number(part), file)
    groups.set(key, group)
  }
  return [...groups.values()].flatMap(({ parts, byPart }) => {
    const [first, ...rest] = [...byPart.entries()].toSorted(([a], [b]) => a - b).map(([, file]) => file)
    if (!first) return []
    const wanted = Array.from({ length: parts }, (_, index) => index + 1)
    return {
      files: [first.path, ...rest.map((file) => file.path)] as const,
      quantisation: quantisationOf(first.path),
      sizeBytes: [first, ...rest].reduce((sum, file) => sum + file.sizeBytes, 0),
      missingParts: wanted.filter((part) => !byPart.has(part)),
    }
  })
}

/** @throws PlatformError `invalid`, listing what there is, when nothing fits the wish. */
export function chooseGguf(model: ModelFacts, wish: GgufWish): Gguf {
  const all = ggufsOf(model.files)
  const inVariant = wish.variant ? all.filter((gguf) => isVariant(gguf, wish.variant!)) : all
  if (wish.variant && inVariant.length === 0) {
    throw refused(
      'variant',
      `No GGUF file of "${model.repository}" is "${wish.variant}". It has: ${namesOf(all)}.`,
    )
  }
  const chosen = wish.modelPath ? atPath(model, inVariant, wish) : inVariant.toSorted(byPreference)[0]
  if (!chosen) throw refused('modelPath', `"${model.repository}" has no GGUF file.`)
  if (chosen.missingParts.length > 0) {
    throw refused(
      'modelPath',
      `"${chosen.files[0]}" is one of several parts, and "${model.repository}" lacks part ${chosen.missingParts.join(', ')}: upload the rest, or choose another file.`,
    )
  }
  return chosen
}

/** A file that the user names, as a path inside the repository. @throws PlatformError `invalid` if it is not there. */
export function fileInRepository(model: ModelFacts, field: string, path: string): string {
  const wanted = path.replace(/^\/repository\//, '').replace(/^\.\//, '')
  if (model.files.some((file) => file.path === wanted)) return wanted
  const ggufs = model.files.map((file) => file.path).filter(isGguf)
  throw refused(
    field,
    `There is no file "${wanted}" in "${model.repository}". Its GGUF files are: ${listed(ggufs)}.`,
  )
}

function atPath(model: ModelFacts, candidates: readonly Gguf[], { modelPath, variant }: GgufWish): Gguf {
  const path = fileInRepository(model, 'modelPath', modelPath!)
  const found = candidates.find((gguf) => gguf.files.includes(path))
  if (found) return found
  throw refused(
    'modelPath',
    variant
      ? `"${path}" is not among the files of variant "${variant}": ${namesOf(candidates)}. Leave out one of the two.`
      : `"${path}" is not a model that can be served on its own. Choose one of: ${namesOf(candidates)}.`,
  )
}

function isVariant(gguf: Gguf, variant: string): boolean {
  if (!/[*?[]/.test(variant)) return gguf.quantisation === canonical(variant)
  const pattern = fromGlob(variant)
  return gguf.files.every((file) => pattern.test(file))
}

/** As `fnmatch` does it, on which Hugging Face's download patterns rest: `*` also matches a slash. */
function fromGlob(glob: string): RegExp {
  const source = glob.replace(/\[!?[^\]]+\]|[\s\S]/g, (token) => {
    if (token === '*') return '.*'
    if (token === '?') return '.'
    if (token.length > 1) return token.replace('[!', '[^').replaceAll('\\', '\\\\')
    return token.replace(/[\\^$.|+()[\]{}]/g, '\\$&')
  })
  return new RegExp(`^${source}$`, 'is')
}

function byPreference(a: Gguf, b: Gguf): number {
  return (
    a.missingParts.length - b.missingParts.length ||
    rank(a) - rank(b) ||
    a.sizeBytes - b.sizeBytes ||
    (a.files[0] < b.files[0] ? -1 : 1)
  )
}

function rank({ quantisation }: Gguf): number {
  const place = quantisation === undefined ? -1 : PREFERENCE.indexOf(quantisation)
  return place === -1 ? PREFERENCE.length : place
}

/** The last one in the path: a directory's name counts when the file's own does not say. */
function quantisationOf(path: string): string | undefined {
  const stem = path.replace(PART, '$<stem>').replace(/\.gguf$/i, '')
  const found = [...stem.matchAll(QUANTISATION)].at(-1)
  return found && canonical(found[0])
}

const canonical = (quantisation: string) => quantisation.toUpperCase().replace(/^FP/, 'F')
const isGguf = (path: string) => path.toLowerCase().endsWith('.gguf')
const isCompanion = (path: string) => /(?:mmproj|imatrix)[^/]*$/i.test(path)

const namesOf = (ggufs: readonly Gguf[]) => listed(ggufs.map((gguf) => gguf.files[0]))

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none'
  const rest = names.length - MAX_NAMES_IN_MESSAGE
  return `${names.slice(0, MAX_NAMES_IN_MESSAGE).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}

function refused(setting: string, message: string): PlatformError {
  return new PlatformError('invalid', message, {
    field: `model.image.llamacpp.${setting}`,
    reason: 'file_not_found',
  })
}
