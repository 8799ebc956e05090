import { execFileSync } from 'node:child_process'
import { Endpoint } from '@berth/contract'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { endpointAsCode, shellQuoted, unsaidByCommand } from './as-code.ts'
import { blankForm, type EndpointForm, endpointFrom, formFrom, nameFor } from './endpoint-form.ts'
import { engineSettings } from './engine-settings.data.ts'

const RECOMMENDED: Endpoint = {
  name: 'guide',
  type: 'private',
  provider: { vendor: 'local', region: 'default' },
  compute: {
    accelerator: 'cpu',
    instanceType: 'cpu',
    instanceSize: 'x1',
    scaling: { minReplica: 0, maxReplica: 1, scaleToZeroTimeout: 15 },
  },
  model: {
    repository: 'berth/guide',
    framework: 'llamacpp',
    image: { llamacpp: { modelPath: 'guide.gguf', nParallel: 4, mode: null } },
    task: 'text-generation',
  },
}
const TARGET = { url: 'http://127.0.0.1:8080', namespace: 'admin', ownNamespace: true }
const fieldsOf = (variant: string) => engineSettings[variant] ?? []
const meant = (changes: Partial<EndpointForm>) =>
  endpointFrom({ ...formFrom(RECOMMENDED), ...changes }, fieldsOf(changes.variant ?? 'llamacpp'))

describe('the form', () => {
  test('as recommended, it means what was recommended', () => {
    expect(meant({})).toEqual({
      ...RECOMMENDED,
      model: { ...RECOMMENDED.model, image: { llamacpp: { modelPath: 'guide.gguf', nParallel: 4 } } },
    })
    expect(Endpoint.safeParse(meant({})).success).toBe(true)
  })

  test('what is typed is sent, with numbers as numbers and nothing for what is left empty', () => {
    const endpoint = meant({
      settings: { ctxSize: '4096', nParallel: '' },
      minReplica: '1',
      idle: 'never',
      measure: 'pendingRequests',
      threshold: '2.5',
      env: [
        { id: 1, name: 'A', value: 'x' },
        { id: 2, name: '', value: 'nameless' },
      ],
      secrets: [{ id: 1, name: 'HF_TOKEN', value: 'hf_x' }],
      tags: ' shop, , live ',
      args: '--mlock\n\n  --no-warmup ',
    })
    expect(endpoint.model.image).toEqual({ llamacpp: { ctxSize: 4096 } })
    expect(endpoint.compute.scaling).toEqual({
      minReplica: 1,
      maxReplica: 1,
      scaleToZeroTimeout: null,
      measure: { pendingRequests: 2.5 },
    })
    expect(endpoint).toMatchObject({
      tags: ['shop', 'live'],
      model: { env: { A: 'x' }, secrets: { HF_TOKEN: 'hf_x' }, args: ['--mlock', '--no-warmup'] },
    })
    expect(Endpoint.safeParse(endpoint).success).toBe(true)
  })

  test('what is no number is sent as it is, so that the refusal names it', () => {
    const refused = Endpoint.safeParse(meant({ maxReplica: 'many' }))
    expect(refused.error?.issues[0]?.path).toEqual(['compute', 'scaling', 'maxReplica'])
  })

  test('a setting of another engine does not go with it', () => {
    expect(meant({ variant: 'vLLM', settings: { nParallel: '4', maxNumSeqs: '8' } }).model.image).toEqual({
      vLLM: { maxNumSeqs: 8 },
    })
  })

  test('a model that nobody knows is left to Berth', () => {
    const instance = {
      vendor: 'local',
      region: 'default',
      accelerator: 'cpu',
      instanceType: 'cpu',
      instanceSize: 'x1',
    } as const
    const endpoint = endpointFrom(blankForm('acme/My_Model.v2-GGUF', instance), fieldsOf('huggingface'))
    expect(endpoint).toMatchObject({ name: 'my-model-v2', model: { image: { huggingface: {} } } })
    expect(Endpoint.safeParse(endpoint).success).toBe(true)
  })

  test('any repository makes a name that is allowed, or none', () => {
    fc.assert(
      fc.property(fc.string(), (repository) => {
        const name = nameFor(repository)
        if (name !== '') expect(Endpoint.shape.name.safeParse(name).success).toBe(true)
      }),
    )
  })
})

describe('every engine', () => {
  test('has its settings as fields, with help', () => {
    const names = fieldsOf('llamacpp').map((field) => field.name)
    expect(names).toContain('ctxSize')
    expect(names).not.toContain('embeddings')
    expect(fieldsOf('llamacpp').find((field) => field.name === 'nParallel')?.help).toContain('1 to 256')
    expect(fieldsOf('vLLM').find((field) => field.name === 'kvCacheDtype')).toMatchObject({
      kind: 'choice',
      choices: ['auto', 'fp8', 'fp8_e5m2', 'fp8_e4m3'],
    })
  })
})

describe('as code', () => {
  test('the command says every choice', () => {
    expect(endpointAsCode('berth', meant({ tags: 'shop' }), TARGET)).toBe(
      [
        'berth deploy berth/guide',
        '--name guide',
        '--engine llamacpp',
        '--set modelPath=guide.gguf',
        '--set nParallel=4',
        '--instance cpu/x1',
        '--min 0',
        '--max 1',
        '--idle 15',
        '--access private',
        '--tag shop',
      ].join(' \\\n  '),
    )
  })

  test('what the command has no word for is named', () => {
    expect(unsaidByCommand(meant({}))).toEqual([])
    expect(unsaidByCommand(meant({ measure: 'hardwareUsage', command: '/bin/serve' }))).toHaveLength(2)
  })

  test('no language shows a secret; each reads it from the environment', () => {
    const endpoint = meant({ secrets: [{ id: 1, name: 'HF_TOKEN', value: 'hf_secret' }] })
    const codes = (['berth', 'curl', 'python'] as const).map((language) =>
      endpointAsCode(language, endpoint, TARGET),
    )
    for (const code of codes) expect(code).not.toContain('hf_secret')
    expect(codes[0]).toContain('--secret HF_TOKEN')
    expect(codes[1]).toContain(`'"$HF_TOKEN"'`)
    expect(codes[2]).toContain('os.environ["HF_TOKEN"]')
  })

  test('what curl sends is the endpoint, whatever is in it', () => {
    const endpoint = meant({
      env: [{ id: 1, name: 'HOSTILE', value: `it's $(rm -rf ~) "quoted" \`x\`\n<img onerror>` }],
    })
    const code = endpointAsCode('curl', endpoint, TARGET).replace(/^curl\b/, 'printf %s')
    const body = execFileSync('sh', ['-c', code.replace(/printf %s[\s\S]*?-d /, 'printf %s ')], {
      encoding: 'utf8',
    })
    expect(JSON.parse(body)).toEqual(endpoint)
  })

  test('a shell takes a quoted text as the one word that it is', () => {
    const words = fc.array(
      fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
      { minLength: 1, maxLength: 8 },
    )
    fc.assert(
      fc.property(words, (texts) => {
        const printed = execFileSync('sh', ['-c', `printf '%s\\0' ${texts.map(shellQuoted).join(' ')}`], {
          encoding: 'utf8',
        })
        expect(printed.split('\0').slice(0, -1)).toEqual(texts)
      }),
      { numRuns: 20 },
    )
  })
})
