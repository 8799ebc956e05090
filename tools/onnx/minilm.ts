/**
 * Writes a trained sentence encoder as an ONNX repository, from a directory with its safetensors and vocabulary:
 *
 *     node tools/onnx/minilm.ts SOURCE DESTINATION
 *
 * For tests of meaning: random weights say nothing.
 */
import { cpSync, existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { writeBert } from './bert-model.ts'

type Header = Readonly<
  Record<string, { readonly dtype: string; readonly data_offsets: readonly [number, number] }>
>

const [source, destination] = process.argv.slice(2)
if (!source || !destination) throw new Error('usage: node tools/onnx/minilm.ts SOURCE DESTINATION')

const config = JSON.parse(readFileSync(path.join(source, 'config.json'), 'utf8'))
const bytes = readFileSync(path.join(source, 'model.safetensors'))
const headerBytes = Number(bytes.readBigUInt64LE(0))
const header: Header = JSON.parse(bytes.toString('utf8', 8, 8 + headerBytes))

writeBert(
  destination,
  {
    vocabulary: readFileSync(path.join(source, 'vocab.txt'), 'utf8').trimEnd().split('\n'),
    size: config.hidden_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    innerSize: config.intermediate_size,
    positions: config.max_position_embeddings,
  },
  { kind: 'none' },
  (name) => {
    const entry = header[name]
    if (entry?.dtype !== 'F32') throw new Error(`${name} is ${entry?.dtype ?? 'missing'}, and must be F32`)
    const [from, to] = entry.data_offsets
    const start = 8 + headerBytes
    return new Float32Array(Uint8Array.from(bytes.subarray(start + from, start + to)).buffer)
  },
)
for (const extra of ['1_Pooling', 'modules.json', 'sentence_bert_config.json']) {
  if (existsSync(path.join(source, extra)))
    cpSync(path.join(source, extra), path.join(destination, extra), { recursive: true })
}
