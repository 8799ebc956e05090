import { execFileSync } from 'node:child_process'
import { Endpoint, type EndpointWithStatus } from '@berth/contract'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { engineSettings } from '../../engine/engine-settings.data.ts'
import { endpointAsCode, shellQuoted, unsaidByCommand } from './as-code.ts'
import {
  blankForm,
  copyOf,
  type EndpointForm,
  endpointFrom,
  formFrom,
  nameFor,
  refusalOf,
} from './endpoint-form.ts'

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

describe('a copy of an endpoint', () => {
  const asked: Endpoint = {
    ...RECOMMENDED,
    name: 'a-name-that-is-as-long-as-it-goes',
    compute: {
      ...RECOMMENDED.compute,
      scaling: {
        ...RECOMMENDED.compute.scaling,
        measure: {
          slo: { firstTokenMs: 500, firstTokenMsPerInputToken: 0, interTokenMs: 50, attainment: 0.9 },
        },
        schedules: [{ days: ['Mon'], fromHour: 8, toHour: 18, minReplica: 1, timeZone: 'UTC' }],
        maxCostPerHour: 3,
        strict: true,
      },
    },
    model: {
      ...RECOMMENDED.model,
      image: {
        custom: { url: 'reg.example.com/e:1', port: 80, credentials: { username: 'me', password: '' } },
      },
      framework: 'custom',
      env: { A: '1' },
      command: ['serve'],
    },
    tags: ['shop'],
    cacheHttpResponses: true,
    cors: { origins: ['*'] },
    fallback: { endpoint: 'other' },
    routing: { policy: 'round-robin' },
    limits: { requestsPerMinute: 60 },
  }
  const original = {
    ...asked,
    model: {
      ...asked.model,
      revision: null,
      args: [],
      secrets: { HF_TOKEN: '', KEY: '' },
      fromCatalog: false,
    },
    compute: { ...asked.compute, id: 'local-default-cpu-x1' },
    experimentalFeatures: {},
  } as unknown as EndpointWithStatus

  test('means the same, under a name of its own', () => {
    const form = { ...copyOf(original), secrets: [], registryPassword: 'pw' }
    const { name, ...copied } = endpointFrom(form, fieldsOf('custom'))
    expect(name).toMatch(/^a-name-that-is-as-long-as-i-?.*-copy$/)
    expect(Endpoint.shape.name.safeParse(name).success).toBe(true)
    const { name: _, ...meant } = asked
    expect(copied).toEqual({
      ...meant,
      model: {
        ...meant.model,
        image: { custom: { ...meant.model.image.custom, credentials: { username: 'me', password: 'pw' } } },
      },
    })
  })

  test('asks for every secret again', () => {
    const form = copyOf(original)
    expect(form.secrets.map((secret) => [secret.name, secret.value])).toEqual([
      ['HF_TOKEN', ''],
      ['KEY', ''],
    ])
    expect(refusalOf(form)).toBe('Give a value for HF_TOKEN and KEY, or remove them.')
    const given = form.secrets.map((secret) => ({ ...secret, value: 'x' }))
    expect(refusalOf({ ...form, secrets: given })).toBeUndefined()
    expect(refusalOf({ ...form, secrets: [] })).toBeUndefined()
  })

  test('may be scaled by something else than a promise', () => {
    const form = { ...copyOf(original), measure: 'pendingRequests', threshold: '' } as const
    expect(endpointFrom(form, []).compute.scaling.measure).toEqual({ pendingRequests: null })
  })

  test('as code shows no password, and the command says what it leaves out', () => {
    const endpoint = endpointFrom({ ...copyOf(original), registryPassword: 'hunter2' }, fieldsOf('custom'))
    for (const language of ['berth', 'curl', 'python'] as const) {
      expect(endpointAsCode(language, endpoint, TARGET)).not.toContain('hunter2')
    }
    expect(endpointAsCode('curl', endpoint, TARGET)).toContain('$REGISTRY_PASSWORD')
    expect(endpointAsCode('berth', endpoint, TARGET)).toMatch(/--scale-on slo=ttft:\d+ms,itl:\d+ms/)
    expect(unsaidByCommand(endpoint)).toEqual([
      'the schedules',
      'the cost ceiling',
      'the pace of scaling',
      'the cache',
      'the origins',
      'the fallback',
      'the routing',
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
