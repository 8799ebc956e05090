import { execFileSync } from 'node:child_process'
import { Endpoint, type EndpointWithStatus } from '@berth/contract'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { engineSettings } from '../../engine/engine-settings.data.ts'
import type { EndpointDraft } from '../../form/endpoint-draft.ts'
import { refusalOf } from '../../form/endpoint-meaning.ts'
import { EVERYTHING } from '../../form/everything.ts'
import { endpointAsCode, shellQuoted, unsaidByCommand } from './as-code.ts'
import { blankDraft, copyOf, endpointFrom, nameFor, newDraftOf } from './new-draft.ts'

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
const first = newDraftOf(RECOMMENDED)
const meant = (changes: Partial<EndpointDraft>) => endpointFrom({ ...first, of: { ...first.of, ...changes } })
const withSettings = (settings: Readonly<Record<string, string>>) => ({ ...first.of.image, settings })

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
      image: withSettings({ ctxSize: '4096', nParallel: '' }),
      minReplica: '1',
      idle: 'never',
      measure: 'pendingRequests',
      threshold: '2.5',
      env: [
        { key: 1, name: 'A', value: 'x' },
        { key: 2, name: '', value: 'nameless' },
      ],
      secrets: [{ name: 'HF_TOKEN', value: 'hf_x', isNew: true, isRemoved: false }],
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
    const image = { ...withSettings({ nParallel: '4', maxNumSeqs: '8' }), variant: 'vLLM' } as const
    expect(meant({ image }).model.image).toEqual({ vLLM: { maxNumSeqs: 8 } })
  })

  test('a model that nobody knows is left to Berth', () => {
    const instance = {
      vendor: 'local',
      region: 'default',
      accelerator: 'cpu',
      instanceType: 'cpu',
      instanceSize: 'x1',
    } as const
    const endpoint = endpointFrom(blankDraft('acme/My_Model.v2-GGUF', instance))
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

describe('a copy of an endpoint', () => {
  const original = {
    ...EVERYTHING,
    name: 'a-name-that-is-as-long-as-it-goes',
    model: {
      ...EVERYTHING.model,
      image: {
        custom: { url: 'reg.example.com/e:1', port: 80, credentials: { username: 'me', password: '' } },
      },
      secrets: { HF_TOKEN: '', KEY: '' },
    },
    compute: { ...EVERYTHING.compute, id: 'local-default-nvidia-l4-x1' },
  } as unknown as EndpointWithStatus
  const copy = copyOf(original)
  const withPassword = {
    ...copy,
    of: { ...copy.of, secrets: [], image: { ...copy.of.image, registryPassword: 'hunter2' } },
  }

  test('means the same, under a name of its own', () => {
    const { name, ...copied } = endpointFrom(withPassword)
    expect(name).toMatch(/^a-name-that-is-as-long-as-i-?.*-copy$/)
    expect(Endpoint.shape.name.safeParse(name).success).toBe(true)
    const { name: _, model, ...meant } = EVERYTHING
    const { secrets: __, ...rest } = model
    const credentials = { username: 'me', password: 'hunter2' }
    const image = { custom: { url: 'reg.example.com/e:1', port: 80, credentials } }
    expect(copied).toEqual({ ...meant, model: { ...rest, image } })
  })

  test('asks for every secret again', () => {
    expect(refusalOf(copy.of)).toBe('Give a value for HF_TOKEN and KEY, or remove them.')
  })

  test('as code shows no password, and the command says what it leaves out', () => {
    const endpoint = endpointFrom(withPassword)
    for (const language of ['berth', 'curl', 'python'] as const) {
      expect(endpointAsCode(language, endpoint, TARGET)).not.toContain('hunter2')
    }
    expect(endpointAsCode('curl', endpoint, TARGET)).toContain('$REGISTRY_PASSWORD')
    const command = endpointAsCode('berth', endpoint, TARGET)
    expect(command).toMatch(/--scale-on slo=ttft:\d+ms,itl:\d+ms/)
    for (const said of [
      "--schedule 'Mon,Tue 8-18 1 UTC'",
      '--max-cost-per-hour 3',
      '--adapter law=org/law@v1',
      '--routing least-tokens',
      '--requests-per-replica 4',
      '--router ghcr.io/acme/least-latency:1.0.0',
      '--router-env LOG=info',
      '--router-port 4000',
      '--strict',
    ])
      expect(command).toContain(said)
    expect(unsaidByCommand(endpoint)).toEqual([
      'the cache',
      'the origins',
      'the fallback',
      'the limits',
      'who asks the registry',
      'the container’s command',
    ])
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
    const chosen = {
      tags: 'shop',
      task: 'text-generation',
      measure: 'hardwareUsage',
      threshold: '70',
    } as const
    expect(endpointAsCode('berth', meant(chosen), TARGET)).toBe(
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
        '--scale-on cpu=70',
        '--access private',
        '--task text-generation',
        '--tag shop',
      ].join(' \\\n  '),
    )
  })

  test('what the command has no word for is named', () => {
    expect(unsaidByCommand(meant({}))).toEqual([])
    expect(unsaidByCommand(meant({ command: '/bin/serve' }))).toHaveLength(1)
  })

  test('no language shows a secret; each reads it from the environment', () => {
    const endpoint = meant({
      secrets: [{ name: 'HF_TOKEN', value: 'hf_secret', isNew: true, isRemoved: false }],
    })
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
      env: [{ key: 1, name: 'HOSTILE', value: `it's $(rm -rf ~) "quoted" \`x\`\n<img onerror>` }],
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
