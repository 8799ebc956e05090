/**
 * The container images that Berth runs when an endpoint names none: pinned by tag, in one place.
 *
 * A tag can be moved by its owner. Which content ran is in the event `replica.ready` of each replica, from the digest
 * that the container runtime records; here stands where each tag was seen, so that whoever updates one knows what was
 * checked and what was not. None of the tags below has a digest yet: that takes a look into its registry, and a digest
 * that nobody compared would be worth less than none.
 */
import type { Resources } from '../domain/instance-type.ts'

export type PinnedImage = {
  readonly image: string
  /** `sha256:…` of the content that the tag stood for, once somebody has compared it with its registry. */
  readonly digest?: string
  /** When the tag was last looked up, as a date. */
  readonly checkedOn: string
  /** Where it was seen. None of them was pulled, so none was compared with its registry. */
  readonly checkedIn: string
}

/** For one kind of hardware each; `undefined` where the engine's makers publish none. */
export type EngineImages = { readonly cpu: PinnedImage | undefined; readonly gpu: PinnedImage | undefined }

const NOT_VERIFIED = 'not verified against a registry'
/** Its version is in the image's name; its makers document it without a tag. */
const TOOLKIT = 'us-docker.pkg.dev/deeplearning-platform-release/gcr.io/huggingface-pytorch-inference'

function seen(image: string, where: string): PinnedImage {
  return { image, checkedOn: '2026-11-21', checkedIn: `${where}; ${NOT_VERIFIED}` }
}

export const IMAGES = {
  vllm: {
    cpu: undefined,
    gpu: seen('vllm/vllm-openai:v0.28.0', 'deployment files of public repositories'),
  },
  sglang: {
    cpu: undefined,
    // CUDA 13; the last one for CUDA 12 is v0.5.19-cu129, for machines with an older driver.
    gpu: seen('lmsysorg/sglang:v0.5.18', 'deployment files of public repositories'),
  },
  tgi: {
    cpu: undefined,
    gpu: seen('ghcr.io/huggingface/text-generation-inference:3.3.5', 'the project’s documentation'),
  },
  tei: {
    cpu: seen('ghcr.io/huggingface/text-embeddings-inference:cpu-1.9', 'the project’s documentation'),
    gpu: seen('ghcr.io/huggingface/text-embeddings-inference:cuda-1.9', 'the project’s documentation'),
  },
  llamacpp: {
    // Rolling tags: the project publishes numbered ones for every build and keeps them only for a while.
    cpu: seen('ghcr.io/ggml-org/llama.cpp:server', 'the project’s documentation'),
    gpu: seen('ghcr.io/ggml-org/llama.cpp:server-cuda', 'the project’s documentation'),
  },
  toolkit: {
    cpu: seen(
      `${TOOLKIT}-cpu.2-3.transformers.4-48.ubuntu2204.py311`,
      'the list of huggingface/Google-Cloud-Containers, which packs the toolkit',
    ),
    gpu: seen(
      `${TOOLKIT}-cu121.2-3.transformers.4-48.ubuntu2204.py311`,
      'deployment files of public repositories',
    ),
  },
} as const satisfies Record<string, EngineImages>

/**
 * Images that `images/build.sh` makes on a machine; no registry has them. The host in their names keeps a daemon from
 * asking a public registry, where the name could be anybody's.
 */
export const BUILT_HERE = { echo: 'localhost/berth/echo:0.1.0' } as const

/**
 * The pinned image for the hardware, if there is one. With its digest where that is known: then a registry or a
 * machine that has other content under the tag is refused by the container runtime itself.
 */
export function pinnedImage(images: EngineImages, { gpus }: Pick<Resources, 'gpus'>): string | undefined {
  const pinned = gpus > 0 ? images.gpu : images.cpu
  return pinned?.digest ? `${pinned.image}@${pinned.digest}` : pinned?.image
}
