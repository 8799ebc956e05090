/**
 * How large a model is, from the headers of its files: GGUF first, then safetensors, then file sizes alone.
 *
 * Of a model of many shards only the index is read where it says how many parameters there are.
 */
import type { Artifact, ArtifactFile } from '../domain/artifact.ts'
import { type HeaderSource, readGgufHeader, readSafetensorsHeader } from './model-header.ts'
import type { WeighedModel } from './model-store.ts'
import { sizeFromIndex, type WeightSize } from './safetensors-header.ts'

type Open = (file: ArtifactFile) => Promise<HeaderSource>

const INDEX = /\.safetensors\.index\.json$/
const SAFETENSORS = /\.safetensors$/i
const GGUF = /\.gguf$/i
const OTHER_WEIGHTS = /\.(?:bin|pt|pth|onnx|onnx_data)$/i
/** What comes beside a model in GGUF and is not the model. */
const COMPANION = /mmproj[^/]*$/i
/** An index names every tensor once; one of a model of a trillion parameters is half of it. */
const MAX_INDEX_BYTES = 32 * 2 ** 20
/** Headers of shards that are read when no index tells; each is one request. */
const MAX_SHARDS_READ = 16

export async function weighArtifact({ files }: Artifact, open: Open): Promise<WeighedModel | undefined> {
  const ggufs = files.filter(({ path }) => GGUF.test(path))
  if (ggufs.length > 0) return weighGguf(ggufs, open)
  const shards = files.filter(({ path }) => SAFETENSORS.test(path))
  if (shards.length > 0) return { ...(await weighSafetensors(files, shards, open)), gguf: undefined }
  const others = files.filter(({ path }) => OTHER_WEIGHTS.test(path))
  if (others.length === 0) return undefined
  return { bytes: sumOf(others), parameters: undefined, dtype: undefined, gguf: undefined }
}

async function weighGguf(ggufs: readonly ArtifactFile[], open: Open): Promise<WeighedModel> {
  const [first] = ggufs.filter(({ path }) => !COMPANION.test(path))
  const header = await readGgufHeader(await open(first ?? ggufs[0]!))
  // Each part of a split model describes its own tensors alone.
  const isWhole = ggufs.filter(({ path }) => !COMPANION.test(path)).length === 1
  return {
    bytes: sumOf(ggufs),
    parameters: isWhole ? header.parameters : undefined,
    dtype: undefined,
    gguf: header.metadata,
  }
}

async function weighSafetensors(
  files: readonly ArtifactFile[],
  shards: readonly ArtifactFile[],
  open: Open,
): Promise<WeightSize> {
  const index = await readIndex(files, open)
  const read = index?.parameters !== undefined ? shards.slice(0, 1) : shards.slice(0, MAX_SHARDS_READ)
  const headers = await Promise.all(read.map(async (shard) => readSafetensorsHeader(await open(shard))))
  const parameters = index?.parameters ?? parametersOf(headers, shards.length)
  return { bytes: sumOf(shards), parameters, dtype: headers[0]?.dtype }
}

function parametersOf(headers: readonly WeightSize[], shards: number): number | undefined {
  if (headers.length < shards || headers.some(({ parameters }) => parameters === undefined)) return undefined
  return headers.reduce((sum, { parameters = 0 }) => sum + parameters, 0)
}

async function readIndex(files: readonly ArtifactFile[], open: Open): Promise<WeightSize | undefined> {
  const file = files.find(({ path }) => INDEX.test(path))
  if (!file || file.sizeBytes > MAX_INDEX_BYTES) return undefined
  const source = await open(file)
  return sizeFromIndex(JSON.parse(new TextDecoder().decode(await source.read(0, file.sizeBytes))))
}

const sumOf = (files: readonly ArtifactFile[]) => files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
