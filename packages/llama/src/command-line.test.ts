import { describe, expect, test } from 'vitest'
import { readCommandLine } from './command-line.ts'
import { runEngine } from './testing/engine-process.ts'

describe('readCommandLine', () => {
  test('reads every flag that Berth passes', () => {
    const args = '-m /models/a.gguf --host 0.0.0.0 --port 9000 -c 4096 -np 4 -t 2 --alias me --n-gpu-layers 9'
    expect(readCommandLine([...args.split(' '), '--embeddings', '--queue', '7'], 'key')).toEqual({
      kind: 'serve',
      settings: {
        modelPath: '/models/a.gguf',
        host: '0.0.0.0',
        port: 9000,
        contextTokens: 4096,
        slots: 4,
        threads: 2,
        alias: 'me',
        embeddings: true,
        gpuLayers: 9,
        queueLimit: 7,
        apiKeys: ['key'],
      },
    })
  })

  test('listens on loopback with one thread, and names the model after its file, unless told otherwise', () => {
    expect(readCommandLine(['-m', '/models/a.gguf'], undefined)).toMatchObject({
      settings: { host: '127.0.0.1', threads: 1, slots: 1, alias: 'a.gguf', apiKeys: [] },
    })
  })

  test.for([
    { args: ['--nonsense'], says: '"--nonsense"' },
    { args: ['-m', 'a', '--port', 'x'], says: '--port is "x"' },
    { args: ['-m', 'a', '-np', '0'], says: '-np is "0"' },
    { args: ['-m', 'a', '-t', '1.5'], says: '-t is "1.5"' },
    { args: ['-m'], says: '-m needs a value' },
    { args: ['-c', '1'], says: '-m FILE is missing' },
  ])('refuses $args', ({ args, says }) => {
    const read = readCommandLine(args, undefined)
    expect(read).toMatchObject({ kind: 'mistake', message: expect.stringContaining(says) })
  })
})

describe('the program', () => {
  test('shows its usage, and ends with 2 when it was called wrongly', async () => {
    const help = await runEngine(['--help'])
    expect(help).toMatchObject({ code: 0, output: expect.stringContaining('--n-gpu-layers') })
    const wrong = await runEngine(['--nonsense'])
    expect(wrong.code).toBe(2)
    expect(wrong.output).toContain('"--nonsense"')
    expect(wrong.output).toContain('Usage:')
  })

  test('knows the version of llama.cpp in it', async () => {
    expect(await runEngine(['--version'])).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^berth-llama \S+ \(llama\.cpp v\S+\)\n$/),
    })
  })
})
