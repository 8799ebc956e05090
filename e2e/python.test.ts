/**
 * The newest huggingface_hub, as it is on the package index today: the Python objects and the `hf` command.
 * Skipped where Python or the package index is out of reach.
 */
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findOnnxProgram } from '../packages/server/src/engines/onnx-program.ts'
import { writeRandomBert } from '../tools/onnx/random-bert.ts'
import { Berth, endpointOf, REPOSITORY_ROOT } from './berth-process.ts'
import { until } from './until.ts'

const ENVIRONMENT = path.join(REPOSITORY_ROOT, '.e2e', 'python')
const PYTHON = path.join(ENVIRONMENT, 'bin', 'python')
const SCRIPTS = path.join(import.meta.dirname, 'python')
const CANNOT_BE_HAD = 69
const run = promisify(execFile)

const missing = await run(path.join(REPOSITORY_ROOT, '.ci', 'python-clients.sh'), [ENVIRONMENT]).then(
  () => undefined,
  (error: { code: number; stderr: string }) => {
    if (error.code !== CANNOT_BE_HAD) throw error
    return error.stderr.trim().split('\n').at(-1)!
  },
)

describe.skipIf(missing)(missing ? `skipped: ${missing}` : 'huggingface_hub', () => {
  let berth: Berth
  beforeAll(async () => {
    berth = await Berth.start()
  })
  afterAll(async () => {
    await berth?.stop()
  })

  const environment = () => ({
    PATH: process.env['PATH'],
    HOME: berth.home,
    HF_HOME: path.join(berth.home, 'hf'),
    BERTH_URL: berth.url,
    HF_ENDPOINT: `${berth.url}/hub`,
    HF_TOKEN: berth.token,
    HF_HUB_DISABLE_UPDATE_CHECK: '1',
    HF_HUB_DISABLE_TELEMETRY: '1',
    HF_HUB_DISABLE_EXPERIMENTAL_WARNING: '1',
    PYTHONDONTWRITEBYTECODE: '1',
    NO_COLOR: '1',
    NO_PROXY: '*',
  })
  const python = (script: string, ...args: string[]) =>
    run(PYTHON, [path.join(SCRIPTS, script), ...args], { env: environment(), cwd: berth.home })
  const hf = async (...args: string[]) => (await python('hf.py', ...args)).stdout
  const described = async (name: string) =>
    JSON.parse(await hf('endpoints', 'describe', name, '--format', 'json'))

  test('takes an endpoint from create to delete', async () => {
    const { stdout } = await python('lifecycle.py')
    expect(stdout).toContain('all steps passed')
  })

  test('hf: hardware, deploy, list, describe, update, pause, resume, scale-to-zero, delete', async () => {
    const hardware = JSON.parse(await hf('endpoints', 'hardware', '--format', 'json'))
    expect(hardware).toContainEqual(
      expect.objectContaining({ vendor: 'local', instance_type: 'cpu', instance_size: 'x1' }),
    )

    await hf(
      ...['endpoints', 'deploy', 'from-hf', '--repo', 'berth/guide', '--framework', 'llamacpp'],
      ...['--accelerator', 'cpu', '--instance-type', 'cpu', '--instance-size', 'x1'],
      ...['--vendor', 'local', '--region', 'default', '--type', 'private'],
    )
    const running = await until('from-hf to run', async () => {
      const now = await described('from-hf')
      return now.status.state === 'running' && now
    })
    expect(running.model.repository).toBe('berth/guide')
    const answer = await berth.chat('from-hf', 'What is an endpoint?', { max_tokens: 60 })
    expect(await answer.json()).toMatchObject({ choices: [{ message: { content: expect.any(String) } }] })

    expect(JSON.parse(await hf('endpoints', 'ls', '--format', 'json'))).toContainEqual(
      expect.objectContaining({ name: 'from-hf', status: 'running', model: 'berth/guide' }),
    )
    await hf('endpoints', 'update', 'from-hf', '--min-replica', '0', '--scale-to-zero-timeout', '30')
    expect((await described('from-hf')).compute.scaling).toMatchObject({
      minReplica: 0,
      scaleToZeroTimeout: 30,
    })

    await hf('endpoints', 'pause', 'from-hf')
    await berth.reach('from-hf', 'paused')
    await hf('endpoints', 'resume', 'from-hf')
    await berth.reach('from-hf', 'running')
    await hf('endpoints', 'scale-to-zero', 'from-hf')
    await berth.reach('from-hf', 'scaledToZero')

    await hf('endpoints', 'delete', 'from-hf', '--yes')
    await expect(hf('endpoints', 'describe', 'from-hf')).rejects.toMatchObject({
      stderr: expect.stringContaining('from-hf'),
    })
  })

  test('vectors and similarities come from an engine that has no route for them', async () => {
    await berth.deploy(endpointOf('vectors', { llamacpp: { mode: 'embeddings', nParallel: 1 } }))
    expect((await python('tasks.py', 'vectors')).stdout).toContain('all tasks passed')
  })

  test.skipIf(!findOnnxProgram())('and from TEI’s contract, which has one', async () => {
    const directory = path.join(berth.home, 'models', 'embedder')
    await mkdir(directory, { recursive: true })
    writeRandomBert(directory)
    await berth.deploy(endpointOf('tei', { tei: {} }, { repository: `file:${directory}` }))
    expect((await python('tasks.py', 'tei')).stdout).toContain('all tasks passed')
  })

  test('hf: who the token belongs to', async () => {
    expect(await hf('auth', 'whoami')).toContain(berth.namespace)
  })
})
