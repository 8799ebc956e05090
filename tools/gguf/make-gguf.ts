/**
 * Writes a GGUF model with random weights.
 *
 *     node tools/gguf/make-gguf.ts FILE [--preset tiny|small|medium|embed] [--seed N] [--name NAME]
 */
import { parseArgs } from 'node:util'
import { PRESETS, type PresetName, writeRandomModel } from './random-model.ts'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    preset: { type: 'string', default: 'tiny' },
    seed: { type: 'string', default: '1' },
    name: { type: 'string' },
  },
})
const [file] = positionals
const seed = Number(values.seed)
if (!file || positionals.length > 1 || !Object.hasOwn(PRESETS, values.preset) || !Number.isInteger(seed)) {
  process.stderr.write(
    `Usage: make-gguf.ts FILE [--preset ${Object.keys(PRESETS).join('|')}] [--seed N] [--name NAME]\n`,
  )
  process.exit(2)
}
const bytes = writeRandomModel(
  file,
  PRESETS[values.preset as PresetName],
  values.name ?? `random-${values.preset}`,
  seed,
)
process.stdout.write(`${file}: ${bytes} bytes\n`)
