/** A LoRA adapter with random weights, for a model of `random-model.ts`: it changes every answer, and teaches nothing. */
import { type MetadataValue, type Tensor, writeGguf } from './gguf-writer.ts'
import { type ModelShape, randomParts } from './random-model.ts'

const text = (value: string): MetadataValue => ({ type: 'text', value })

/** Writes the file and returns its size in bytes. */
export function writeRandomAdapter(
  file: string,
  { architecture, width, layers }: Pick<ModelShape, 'architecture' | 'width' | 'layers'>,
  rank: number,
  seed: number,
): number {
  const metadata = new Map<string, MetadataValue>([
    ['general.architecture', text(architecture)],
    ['general.type', text('adapter')],
    ['general.name', text('random adapter')],
    ['general.license', text('cc0-1.0')],
    ['adapter.type', text('lora')],
    ['adapter.lora.alpha', { type: 'f32', value: rank }],
  ])
  const tensors: Tensor[] = []
  const add = (name: string, shape: readonly [number, number]) => {
    const [values, own] = [shape[0] * shape[1], seed + tensors.length + 1]
    tensors.push({ name, shape, type: 'f32', values: () => randomParts(values, 1, own) })
  }
  for (let layer = 0; layer < layers; layer++) {
    for (const part of ['attn_q', 'attn_output']) {
      add(`blk.${layer}.${part}.weight.lora_a`, [width, rank])
      add(`blk.${layer}.${part}.weight.lora_b`, [rank, width])
    }
  }
  return writeGguf(file, metadata, tensors)
}
