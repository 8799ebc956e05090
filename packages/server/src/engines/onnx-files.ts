/**
 * Which files of a repository with ONNX weights are needed: one copy of the weights and everything small beside them.
 *
 * Exports come in up to eight sizes with the same content, told apart by the endings of their names; the exact one is
 * taken, or else the next smaller.
 */
import type { ArtifactFile } from '../domain/artifact.ts'
import { filesForTransformers } from './repository-contents.ts'

/** In the order in which they are taken. */
const SUFFIXES = ['', '_fp16', '_quantized', '_int8', '_uint8', '_q4', '_q4f16', '_bnb4'] as const
/** One of these tells that a size is complete. */
const STEMS = ['model', 'encoder_model', 'decoder_model_merged', 'decoder_model']
const ONNX = /^(.*\/)?([^/]+)\.onnx(_data(_\d+)?)?$/
const WEIGHTS = /\.(?:safetensors|bin|pt|pth)$/i

export function onnxFiles(files: readonly ArtifactFile[]): string[] {
  const paths = files.map((file) => file.path)
  const small = filesForTransformers(files).filter((path) => !WEIGHTS.test(path))
  return [...small, ...weightsIn(paths)]
}

function weightsIn(paths: readonly string[]): string[] {
  for (const directory of ['onnx/', '']) {
    const own = paths.filter((path) => ONNX.exec(path) && (ONNX.exec(path)?.[1] ?? '') === directory)
    const suffix = SUFFIXES.find((one) =>
      STEMS.some((stem) => own.includes(`${directory}${stem}${one}.onnx`)),
    )
    if (suffix === undefined) continue
    const ofSize = own.filter((path) => suffixOf(path) === suffix)
    const hasMerged = ofSize.some((path) => path.includes('decoder_model_merged'))
    // The merged decoder holds both of the others.
    return ofSize.filter(
      (path) =>
        !(hasMerged && /decoder_(with_past_)?model[^/]*\.onnx/.test(path) && !path.includes('merged')),
    )
  }
  return []
}

function suffixOf(path: string): string {
  const name = ONNX.exec(path)?.[2] ?? ''
  return SUFFIXES.slice(1).findLast((suffix) => name.endsWith(suffix)) ?? ''
}
