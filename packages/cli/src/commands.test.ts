/** Whole commands as child processes against a server that holds both sides to the contract. */
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Endpoint, EndpointUpdate, RecommendedQuery } from '@berth/contract'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type ContractServer,
  type Handlers,
  Refusal,
  startContractServer,
} from './testing/contract-server.ts'
import { type RunOptions, runBerth, startBerth } from './testing/run-berth.ts'
import {
  endpointSample,
  offerSample,
  recommendationSample,
  vendorsSample,
  whoamiSample,
} from './testing/samples.ts'

let home: string
let server: ContractServer | undefined

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'berth-cli-'))
})
afterEach(async () => {
  const violations = server?.violations ?? []
  await server?.close()
  server = undefined
  await rm(home, { recursive: true, force: true })
  expect(violations).toEqual([])
})

/** Starts the server and runs one command against it. */
async function berth(args: readonly string[], handlers: Handlers, options: Omit<RunOptions, 'home'> = {}) {
  server = await startContractServer({
    whoami: () => whoamiSample,
    recommendConfiguration: () => recommendationSample(),
    ...handlers,
  })
  return await runBerth(args, { home, url: server.url, ...options })
}

const stream = async function* (...pieces: string[]) {
  yield* pieces
}
const json = (value: unknown) => JSON.stringify(value)

describe('plan', () => {
  test('shows engine, file and memory on every instance type, and what would make it fit', async () => {
    let asked: RecommendedQuery | undefined
    const ran = await berth(['plan', 'acme/chat-GGUF', '--context', '4096', '--concurrency', '2'], {
      recommendConfiguration: ({ query }) => {
        asked = query
        return { ...recommendationSample(), suggestedCompute: 'local-default-cpu-x4' }
      },
    })
    expect(asked).toEqual({ repository: 'acme/chat-GGUF', context: 4_096, concurrency: 2 })
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    expect(ran.stdout).toContain('size          8.03 billion parameters, Q4_K_M, 4.6 GiB, up to 8192 tokens')
    expect(ran.stdout).toMatch(
      /^ +cpu\/x2 +4\.0 GiB +6\.1 GiB +4\.6 GiB +1\.0 GiB +512 MiB +no, 2\.1 GiB short$/m,
    )
    expect(ran.stdout).toMatch(/^→ +cpu\/x4 +8\.0 GiB .* yes$/m)
    expect(ran.stdout).toContain('Other files: Q8_0 (8.0 GiB)')
    expect(ran.stdout).toContain('Read it first.')
  })

  test('says the whole reason for the one instance that was asked about', async () => {
    const { instances, ...rest } = recommendationSample()
    const ran = await berth(['plan', './model.gguf', '--instance', 'cpu/x2'], {
      recommendConfiguration: ({ query }) => {
        expect(query).toMatchObject({ file: 'model.gguf', instance: 'cpu/x2' })
        return { ...rest, instances: instances.slice(0, 1), suggestedCompute: null, endpoint: null }
      },
    })
    expect(ran.stdout).toContain('It does not fit: 6.1 GiB needed.')
  })

  test('prints the whole recommendation as JSON', async () => {
    const ran = await berth(['plan', 'acme/chat-GGUF', '--json'], {})
    expect(JSON.parse(ran.stdout)).toEqual(recommendationSample())
  })

  test('passes on what the server says about a number', async () => {
    const ran = await berth(['plan', 'acme/chat-GGUF', '--engine', 'nonsense'], {})
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('--engine is "nonsense"') })
  })
})

test('hardware lists what there is, its price and how much is free', async () => {
  const gpu = { accelerator: 'gpu', numAccelerators: 2, gpuMemoryGb: 48, numCpus: 8 } as const
  const ran = await berth(['hardware'], {
    listVendorsForNamespace: () =>
      vendorsSample(
        offerSample('nvidia-l4', 'x2', {
          ...gpu,
          pricePerHour: 1.6,
          freeReplicas: 0,
          status: 'low_availability',
        }),
        offerSample('cpu', 'x1', { freeReplicas: 7 }),
      ),
  })
  expect(ran).toMatchObject({ code: 0, stderr: '' })
  expect(ran.stdout).toMatch(
    /^nvidia-l4\/x2 +local\/default +8 +4 GiB +2, 48 GiB +\$1\.6\/h +0 +low availability +x86$/m,
  )
  expect(ran.stdout).toMatch(/^cpu\/x1 +local\/default +1 +2 GiB +- +free of charge +7 +available +x86$/m)
})

describe('hardware of one’s own', () => {
  const file = { instanceTypes: [], includeMachine: true }

  test('is added by flags, under the id that they make', async () => {
    let asked: unknown
    const ran = await berth(
      [
        ...['hardware', 'add', 'nvidia-l4/x1', '--region', 'rack-1', '--vcpus', '7', '--memory-gb', '30'],
        ...['--gpu-memory-gb', '24', '--runtime', 'docker', '--alias', 'aws/nvidia-l4/x1'],
      ],
      {
        putHardware: ({ params, body }) => {
          asked = { id: params.id, body }
          return file
        },
      },
    )
    expect(ran).toMatchObject({ code: 0, stdout: 'Offered: local-rack-1-nvidia-l4-x1.\n' })
    expect(asked).toEqual({
      id: 'local-rack-1-nvidia-l4-x1',
      body: {
        ...{ vendor: 'local', region: 'rack-1', instanceType: 'nvidia-l4', instanceSize: 'x1' },
        ...{ architecture: 'nvidia-l4', runtime: 'docker', vcpus: 7, memoryGb: 30 },
        ...{ gpus: { count: 1, memoryGb: 24 }, pricePerHour: 0, status: 'available' },
        aliases: ['aws/nvidia-l4/x1'],
      },
    })
  })

  test.for<[args: string[], says: RegExp]>([
    [[], /No instance type is named: write TYPE\/SIZE/],
    [['cpu'], /"cpu" is no instance type/],
    [['cpu/x1', '--vcpus', 'many', '--memory-gb', '4'], /vcpus is "many"/],
    [['cpu/x1', '--vcpus', '1', '--memory-gb', '0'], /memoryGb is 0/],
  ])('%j is refused with what is wrong', async ([args, says]) => {
    const ran = await berth(['hardware', 'add', ...args], {})
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringMatching(says) })
  })

  test('is removed by its id', async () => {
    let id: string | undefined
    const ran = await berth(['hardware', 'remove', 'local-rack-1-cpu-x1'], {
      removeHardware: ({ params }) => {
        id = params.id
        return file
      },
    })
    expect(ran).toMatchObject({ code: 0, stdout: 'Not offered any more: local-rack-1-cpu-x1.\n' })
    expect(id).toBe('local-rack-1-cpu-x1')
  })
})

describe('deploy', () => {
  const url = 'http://127.0.0.1:1/e/admin/guide'
  const starting = endpointSample({
    state: 'initializing',
    message: 'Starting the engine.',
    observedGeneration: 0,
    url,
  })

  test('creates the endpoint, tells how it starts, and prints its URL and a curl line', async () => {
    let body: Endpoint | undefined
    const ran = await berth(
      ['deploy', 'berth/guide', '--max', '2', '--task', 'text-generation', '--env', 'A=1', '--env', 'B=2'],
      {
        listVendorsForNamespace: () => vendorsSample(),
        createEndpoint: (input) => {
          body = input.body
          return starting
        },
        watchEndpoint: () => stream(json(starting), json(endpointSample({ url }))),
      },
    )
    expect(ran).toMatchObject({ code: 0 })
    expect(body).toMatchObject({
      name: 'guide',
      compute: { instanceSize: 'x1', scaling: { minReplica: 0, maxReplica: 2 } },
      model: {
        repository: 'berth/guide',
        image: { huggingface: {} },
        task: 'text-generation',
        env: { A: '1', B: '2' },
      },
    })
    expect(ran.stdout).toContain(`${url}\n`)
    expect(ran.stdout).toContain(`curl ${url}/v1/chat/completions -H "Authorization: Bearer $BERTH_TOKEN"`)
    expect(ran.stdout).not.toContain('berth_test')
    expect(ran.stderr).toBe(
      'Created admin/guide from berth/guide.\ninitializing: Starting the engine.\nrunning: Ready.\n',
    )
  })

  test('takes the hardware on which the model fits, unless one is named', async () => {
    const sizes: string[] = []
    const deploy = (...more: string[]) =>
      berth(['deploy', 'acme/chat', '--no-wait', ...more], {
        listVendorsForNamespace: () => vendorsSample(),
        recommendConfiguration: () => ({
          ...recommendationSample(),
          suggestedCompute: 'local-default-cpu-x2',
        }),
        createEndpoint: ({ body }) => {
          sizes.push(body.compute.instanceSize)
          return starting
        },
      })
    await deploy()
    await server?.close()
    await deploy('--instance', 'cpu/x1')
    expect(sizes).toEqual(['x2', 'x1'])
  })

  test('goes on watching when the server restarts in between', async () => {
    let watches = 0
    const ran = await berth(['deploy', 'berth/guide', '--json'], {
      listVendorsForNamespace: () => vendorsSample(),
      createEndpoint: () => starting,
      watchEndpoint: () => {
        watches += 1
        return watches === 1 ? stream(json(starting)) : stream(json(endpointSample()))
      },
    })
    expect(ran.code).toBe(0)
    expect(watches).toBe(2)
    expect(JSON.parse(ran.stdout)).toMatchObject({ status: { state: 'running' } })
  })

  test('does not take a status of the revision before for the end', async () => {
    const before = endpointSample({ generation: 2, observedGeneration: 1 })
    const ran = await berth(['deploy', 'berth/guide', '--json'], {
      listVendorsForNamespace: () => vendorsSample(),
      createEndpoint: () => before,
      watchEndpoint: () =>
        stream(json(before), json(endpointSample({ generation: 2, observedGeneration: 2 }))),
    })
    expect(JSON.parse(ran.stdout)).toMatchObject({ status: { observedGeneration: 2 } })
  })

  test('that fails ends with 1, the reason and the last log lines', async () => {
    const failed = endpointSample({
      state: 'failed',
      message: 'x',
      errorMessage: 'It exited with code 3.',
      url: null,
    })
    let tail: number | undefined
    const ran = await berth(['deploy', 'berth/guide'], {
      listVendorsForNamespace: () => vendorsSample(),
      createEndpoint: () => starting,
      watchEndpoint: () => stream(json(failed)),
      readLogs: ({ query }) => {
        tail = query.tail
        return stream('loading\nno such', ' file\n')
      },
    })
    expect(ran).toMatchObject({ code: 1, stdout: '' })
    expect(tail).toBe(20)
    expect(ran.stderr).toContain(
      'admin/guide failed: It exited with code 3.\nIts last log lines:\n  loading\n  no such file\n',
    )
    expect(ran.stderr).toContain('berth delete guide')
  })

  test('with --no-wait ends as soon as the server has accepted', async () => {
    const ran = await berth(['deploy', 'berth/guide', '--no-wait', '--json'], {
      listVendorsForNamespace: () => vendorsSample(),
      createEndpoint: () => starting,
    })
    expect(ran.code).toBe(0)
    expect(JSON.parse(ran.stdout)).toMatchObject({ status: { state: 'initializing' } })
  })

  test('interrupted by Ctrl-C ends with 130 and says that the endpoint goes on', async () => {
    server = await startContractServer({
      whoami: () => whoamiSample,
      recommendConfiguration: () => recommendationSample(),
      listVendorsForNamespace: () => vendorsSample(),
      createEndpoint: () => starting,
      watchEndpoint: async function* () {
        yield json(starting)
        await new Promise(() => {})
      },
    })
    const { child, ended } = startBerth(['deploy', 'berth/guide'], { home, url: server.url })
    let seen = ''
    while (!seen.includes('Starting')) seen += String((await once(child.stderr!, 'data'))[0])
    child.kill('SIGINT')
    expect(await ended).toMatchObject({ code: 130, stdout: '' })
    expect(seen + (await ended).stderr).toContain('admin/guide goes on without us')
  })

  test('refused by the server prints its sentence with the field, and with --verbose what a bug report needs', async () => {
    const handlers: Handlers = {
      listVendorsForNamespace: () => vendorsSample(),
      createEndpoint: () => {
        throw new Refusal('invalid', 'The repository does not exist.', { field: 'model.repository' })
      },
    }
    const ran = await berth(['deploy', 'no/such', '--verbose'], handlers)
    expect(ran).toMatchObject({ code: 1, stdout: '' })
    expect(ran.stderr).toBe(
      'model.repository: The repository does not exist.\ncode invalid, HTTP 400, request req-1\n',
    )
  })
})

describe('update', () => {
  test('sends the changes only, and waits for the new revision', async () => {
    let body: EndpointUpdate | undefined
    const ran = await berth(['update', 'guide', '--ctx', '512', '--max', '3'], {
      getEndpoint: () => endpointSample(),
      updateEndpoint: (input) => {
        body = input.body
        return endpointSample({ generation: 2, state: 'updating', message: 'Rolling over.' })
      },
      watchEndpoint: () => stream(json(endpointSample({ generation: 2, observedGeneration: 2 }))),
    })
    expect(ran.code).toBe(0)
    expect(body).toEqual({
      compute: { scaling: { maxReplica: 3 } },
      model: { image: { llamacpp: { ctxSize: 512 } }, framework: 'llamacpp' },
    })
    expect(ran.stderr).toContain('Accepted revision 2 of admin/guide.')
  })
})

describe('call', () => {
  const chunk = (content: string, finish: string | null = null) =>
    `data: ${json({ choices: [{ delta: { content }, finish_reason: finish }] })}\n\n`
  const usage = `data: ${json({ choices: [], usage: { prompt_tokens: 4, completion_tokens: 2 } })}\n\n`

  /** The data plane: answers with `pieces`, and remembers what it was asked. */
  async function callWith(
    args: string[],
    pieces: string[],
    options: { stdin?: string; status?: number; type?: string } = {},
  ) {
    const asked: { path?: string; body?: unknown; token?: string }[] = []
    const started: ContractServer = await startContractServer({
      whoami: () => whoamiSample,
      getEndpoint: () =>
        endpointSample({ url: `${started.url}/e/admin/guide`, state: 'scaledToZero', readyReplica: 0 }),
      other: (request, body, response) => {
        asked.push({
          path: request.url ?? '',
          body: JSON.parse(body),
          token: request.headers.authorization ?? '',
        })
        response.writeHead(options.status ?? 200, { 'content-type': options.type ?? 'text/event-stream' })
        for (const piece of pieces) response.write(piece)
        response.end()
      },
    })
    server = started
    const ran = await runBerth(['call', 'guide', ...args], {
      home,
      url: server.url,
      ...(options.stdin ? { stdin: options.stdin } : {}),
    })
    return { ran, asked: asked[0] }
  }

  test('streams the answer to stdout, and tells of waking and of tokens on stderr', async () => {
    const { ran, asked } = await callWith(
      ['Hello', 'there', '--system', 'Be brief.', '--max-tokens', '9'],
      [': waiting for a replica\n\n', chunk('Hi '), chunk('you', 'stop'), usage, 'data: [DONE]\n\n'],
    )
    expect(ran).toMatchObject({ code: 0, stdout: 'Hi you\n' })
    expect(ran.stderr).toMatch(
      /^waking admin\/guide \(scaledToZero\) …\nwaiting for a replica\n2 tokens in .*prompt 4 tokens\n$/,
    )
    expect(asked).toMatchObject({
      path: '/e/admin/guide/v1/chat/completions',
      token: 'Bearer berth_test',
      body: {
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Hello there' },
        ],
        max_tokens: 9,
        stream: true,
        stream_options: { include_usage: true },
      },
    })
  })

  test('reads the prompt from stdin', async () => {
    const { asked } = await callWith(['-'], [chunk('x', 'stop'), 'data: [DONE]\n\n'], {
      stdin: 'From a pipe\n',
    })
    expect(asked?.body).toMatchObject({ messages: [{ content: 'From a pipe' }] })
  })

  test('with --json prints one chunk a line; with --raw the bytes as they came', async () => {
    const pieces = [chunk('a', 'stop'), 'data: [DONE]\n\n']
    const { ran } = await callWith(['x', '--json'], pieces)
    expect(ran.stdout).toBe(`${json({ choices: [{ delta: { content: 'a' }, finish_reason: 'stop' }] })}\n`)
    await server?.close()
    expect((await callWith(['x', '--raw'], pieces)).ran.stdout).toBe(pieces.join(''))
  })

  test('with --no-stream waits for the whole answer', async () => {
    const whole = json({ choices: [{ message: { content: 'All.' }, finish_reason: 'length' }] })
    const { ran, asked } = await callWith(['x', '--no-stream'], [whole], { type: 'application/json' })
    expect(ran).toMatchObject({ code: 0, stdout: 'All.\n' })
    expect(ran.stderr).toContain('cut off at its token limit')
    expect(asked?.body).not.toHaveProperty('stream')
  })

  test.each([
    [
      'that fails on the way',
      `data: ${json({ error: 'The replica broke off.', code: 'bad_gateway' })}\n\n`,
      /The replica broke off\./,
    ],
    ['that ends too early', '', /broke off before the answer was complete/],
  ])('an answer %s ends with 1', async (_case, piece, message) => {
    const { ran } = await callWith(['x'], [chunk('Hi'), piece])
    expect(ran.code).toBe(1)
    expect(ran.stderr).toMatch(message)
  })

  test('a refusal of the gateway is its own sentence', async () => {
    const { ran } = await callWith(
      ['x'],
      [json({ error: 'Too many wait.', code: 'overloaded', retryable: true })],
      {
        status: 429,
        type: 'application/json',
      },
    )
    expect(ran).toMatchObject({ code: 1, stdout: '' })
    expect(ran.stderr).toContain('Too many wait.')
  })

  test('a paused endpoint has no URL, and the way out is named', async () => {
    const ran = await berth(['call', 'guide', 'x'], {
      getEndpoint: () => endpointSample({ state: 'paused', message: 'Paused.', url: null, readyReplica: 0 }),
    })
    expect(ran.code).toBe(1)
    expect(ran.stderr).toContain('berth resume admin/guide')
  })
})

describe('looking', () => {
  test('list prints a table, and with --json the document itself', async () => {
    const list = { items: [endpointSample()], nextCursor: null, totalItems: 1 }
    const ran = await berth(['ls'], { listEndpoints: () => list })
    expect(ran.stdout).toBe(
      'NAME   STATE    REPLICAS  MODEL        INSTANCE  URL\n' +
        'guide  running  1/1       berth/guide  cpu/x1    http://127.0.0.1:1/e/admin/guide\n',
    )
    const asJson = await runBerth(['ls', '--json', '-n', 'team'], { home, url: server!.url })
    expect(JSON.parse(asJson.stdout)).toEqual(list)
    expect(server!.requests.at(-1)).toBe('GET /v2/endpoint/team')
  })

  test('an empty list is empty on stdout and says what to try on stderr', async () => {
    const ran = await berth(['list'], {
      listEndpoints: () => ({ items: [], nextCursor: null, totalItems: 0 }),
    })
    expect(ran).toMatchObject({ code: 0, stdout: '' })
    expect(ran.stderr).toContain('berth deploy berth/guide')
  })

  test('describe names the secrets, never a value, and the replicas', async () => {
    const ran = await berth(['describe', 'team/guide'], {
      getEndpoint: () => endpointSample({}, { namespace: 'team' }),
      listReplicas: () => ({
        items: [
          {
            id: 'abc-def',
            status: { stage: 'running', live: true },
            revision: 1,
            startedAt: '2026-01-02T03:04:05Z',
          },
        ],
      }),
    })
    expect(ran.stdout).toMatch(/^name +team\/guide$/m)
    expect(ran.stdout).toMatch(/^secrets +HF_TOKEN$/m)
    expect(ran.stdout).toMatch(/^engine +llamacpp ctxSize=2048$/m)
    expect(ran.stdout).toMatch(/^abc-def +running +1 +2026/m)
    expect(server!.requests).not.toContain('GET /hub/api/whoami-v2')
  })

  test('describe tells the cause of a failed start and what would mend it', async () => {
    const failure = {
      cause: 'kv_cache_too_large',
      summary: 'The KV cache has no room.',
      remedy: 'Ask for less context.',
      evidence: ['ValueError'],
    } as const
    const ran = await berth(['describe', 'team/guide'], {
      getEndpoint: () =>
        endpointSample({ state: 'failed', failure: { ...failure, evidence: [...failure.evidence] } }),
      listReplicas: () => ({ items: [] }),
    })
    expect(ran.stdout).toMatch(/^cause +kv_cache_too_large$/m)
    expect(ran.stdout).toMatch(/^happened +The KV cache has no room\.$/m)
    expect(ran.stdout).toMatch(/^remedy +Ask for less context\.$/m)
  })

  test('logs prints lines, and follows with -f until the stream ends', async () => {
    const handlers: Handlers = {
      readLogs: ({ query }) => stream(`tail ${query.tail}\nhal`, 'f\n'),
      watchLogs: () => stream('one', 'two'),
    }
    expect((await berth(['logs', 'guide', '--tail', '5'], handlers)).stdout).toBe('tail 5\nhalf\n')
    const followed = await runBerth(['logs', 'guide', '-f', '--json'], { home, url: server!.url })
    expect(followed.stdout).toBe('{"line":"one"}\n{"line":"two"}\n')
  })

  test('logs asks for a time, a text, a severity and a replica', async () => {
    let asked: object = {}
    const flags = ['--since', '2026-01-02', '--until', '2026-01-03', '--search', 'out of', '--level', 'warn']
    await berth(['logs', 'guide', ...flags, '--replica', 'abc-def'], {
      readLogs: ({ query }) => {
        asked = query
        return stream('')
      },
    })
    expect(asked).toEqual({
      since: '2026-01-02T00:00:00.000Z',
      until: '2026-01-03T00:00:00.000Z',
      search: 'out of',
      level: 'warn',
      replica: 'abc-def',
    })
  })

  test('a dry run says what would change and restart, and changes nothing', async () => {
    const plan = {
      changes: [{ path: 'tags', from: [], to: ['b'] }],
      revision: 3,
      restarts: false,
      replicas: 0,
      reason: 'Nothing restarts: what runs now goes on.',
      pricePerHour: { from: 0, to: 0 },
    }
    const words = 'tags: [] → ["b"]\nNothing restarts: what runs now goes on.\n'
    const handlers: Handlers = {
      getEndpoint: () => endpointSample(),
      planUpdate: ({ body }) => {
        expect(body).toEqual({ tags: ['b'] })
        return plan
      },
      planRollback: ({ body }) => {
        expect(body).toEqual({ revision: 1 })
        return plan
      },
    }
    expect((await berth(['update', 'guide', '--tag', 'b', '--dry-run'], handlers)).stdout).toBe(words)
    const rollback = await runBerth(['rollback', 'guide', '1', '--dry-run'], { home, url: server!.url })
    expect(rollback.stdout).toBe(words)
    expect(server!.requests.filter((request) => /^(PUT|POST .*\/rollback)/.test(request))).toEqual([])
  })

  test('rollback says which revision it became', async () => {
    const ran = await berth(['rollback', 'guide', '1', '--no-wait'], {
      rollbackEndpoint: ({ body }) => {
        expect(body).toEqual({ revision: 1 })
        return endpointSample({ generation: 3 })
      },
    })
    expect(ran).toMatchObject({ code: 0 })
    expect(ran.stderr + ran.stdout).toContain('is like revision 1, as revision 3')
  })

  test('events and revisions end with the newest', async () => {
    const at = '2026-01-02T03:04:05Z'
    const event = { at, actor: 'admin', endpoint: 'admin/guide', details: {} }
    const revision = {
      createdAt: at,
      createdBy: { id: 'admin', name: 'admin' },
      runs: 1,
      restarts: true,
      imageDigest: null,
    }
    const ran = await berth(['events', 'guide', '--limit', '2'], {
      listEvents: ({ query }) => {
        expect(query.limit).toBe(2)
        return {
          items: [
            { ...event, sequence: 2, kind: 'endpoint.paused', message: 'Paused.' },
            { ...event, sequence: 1, kind: 'endpoint.created', message: 'Created.' },
          ],
        }
      },
      listRevisions: () => ({
        items: [
          { ...revision, number: 2, changes: [{ path: 'tags', from: [], to: ['b'] }], spec: { tags: ['b'] } },
          { ...revision, number: 1, changes: null, spec: { tags: [] } },
        ],
      }),
    })
    expect(ran.stdout).toBe(
      `${at}  endpoint.created  Created. (admin)\n${at}  endpoint.paused  Paused. (admin)\n`,
    )
    const revisions = await runBerth(['revisions', 'guide'], { home, url: server!.url })
    expect(revisions.stdout).toMatch(/^1 .*created\n2 .*tags\n$/m)
  })

  test('status shows what serves', async () => {
    const ran = await berth(['status'], {
      systemStatus: () => ({
        version: '0.1.0',
        startedAt: '2026-01-02T03:04:05Z',
        url: 'http://127.0.0.1:1',
        home: '/h',
        store: 'sqlite',
        runtimes: [{ name: 'process', notices: ['memory limits are not enforced'] }],
        gateways: [{ id: 'gw-1', worker: 0, pid: 7, connected: false, since: '2026-01-02T03:04:05Z' }],
        endpoints: { running: 2, failed: 0 },
        memory: { totalBytes: 8e9, reservedBytes: 2e9 },
        certificate: {
          names: ['a.test', 'b.test'],
          directory: 'https://ca.test/directory',
          expiresAt: '2026-03-02T03:04:05Z',
          nextOrderAt: '2026-02-02T03:04:05Z',
          failure: { at: '2026-01-02T03:04:05Z', count: 2, message: 'no route' },
        },
      }),
    })
    expect(ran.stdout).toMatch(/^gateways +gw-1 \(worker 0, pid 7, not connected\)$/m)
    expect(ran.stdout).toMatch(/^endpoints +2 running$/m)
    expect(ran.stdout).toContain('memory limits are not enforced')
    expect(ran.stdout).toMatch(
      /^certificate +a\.test, b\.test: expires 2026-03-02T03:04:05Z; next order 2026-02-02T03:04:05Z\n +the last 2 orders failed: no route$/m,
    )
  })
})

describe('changing what runs', () => {
  test('pause and scale-to-zero say what they did; resume waits until it runs', async () => {
    const paused = endpointSample({ state: 'paused', url: null, readyReplica: 0 })
    const ran = await berth(['pause', 'guide'], {
      pauseEndpoint: () => paused,
      scaleEndpointToZero: () => endpointSample({ state: 'scaledToZero' }),
      resumeEndpoint: () => paused,
      watchEndpoint: () => stream(json(paused), json(endpointSample())),
    })
    expect(ran).toMatchObject({ code: 0, stdout: 'Paused admin/guide.\n' })
    const asleep = await runBerth(['scale-to-zero', 'guide'], { home, url: server!.url })
    expect(asleep.stdout).toBe('Scaled admin/guide to zero.\n')
    const resumed = await runBerth(['resume', 'guide', '--json'], { home, url: server!.url })
    expect(JSON.parse(resumed.stdout)).toMatchObject({ status: { state: 'running' } })
  })

  test('delete without a terminal needs --yes, and asks the server nothing before', async () => {
    const ran = await berth(['delete', 'team/guide'], { deleteEndpoint: () => ({}) })
    expect(ran).toMatchObject({ code: 2, stdout: '' })
    expect(ran.stderr).toContain('pass --yes')
    expect(server!.requests).toEqual([])
    const sure = await runBerth(['delete', 'team/guide', '--yes'], { home, url: server!.url })
    expect(sure).toMatchObject({ code: 0, stdout: 'Deleted team/guide.\n' })
    expect(server!.requests).toEqual(['DELETE /v2/endpoint/team/guide'])
  })
})

describe('access', () => {
  test('login checks the token, saves it for its owner only, and later commands use it', async () => {
    server = await startContractServer({ whoami: () => whoamiSample })
    const without = await runBerth(['login', '--url', server.url], { home })
    expect(without.code).toBe(2)
    expect(without.stderr).toContain('No token was given')
    const piped = await runBerth(['login', '--url', server.url], { home, stdin: ' berth_piped \n' })
    expect(piped).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(await readFile(path.join(home, 'cli.json'), 'utf8'))).toEqual({
      url: server!.url,
      token: 'berth_piped',
    })
    const who = await runBerth(['whoami'], { home })
    expect(who.stdout).toBe(`admin, member of team at ${server!.url} (token "first", write)\n`)
    expect(server!.tokens.at(-1)).toBe('berth_piped')
  })

  test('a token that the server refuses is not saved', async () => {
    const ran = await berth(['login', '--token', 'berth_wrong'], {
      whoami: () => {
        throw new Refusal('unauthenticated', 'This token is not known.')
      },
    })
    expect(ran.code).toBe(4)
    expect(ran.stderr).toContain('This token is not known.')
    await expect(readFile(path.join(home, 'cli.json'))).rejects.toThrow('ENOENT')
  })

  test('a new token is the only thing on stdout; tokens are listed and revoked', async () => {
    const at = '2026-01-02T03:04:05.000Z'
    const view = {
      id: 't1',
      name: 'ci',
      prefix: 'berth_ab',
      role: 'read' as const,
      user: 'admin',
      createdAt: at,
      lastUsedAt: null,
    }
    let expiresAt: string | null | undefined
    const ran = await berth(['token', 'create', 'ci', '--role', 'read', '--expires', '2030-01-31'], {
      createToken: ({ body }) => {
        expiresAt = body.expiresAt
        return { ...view, expiresAt: body.expiresAt, token: 'berth_abcdef' }
      },
      listTokens: () => ({ items: [{ ...view, expiresAt: null, lastUsedAt: at }] }),
      revokeToken: () => ({}),
    })
    expect(ran).toMatchObject({ code: 0, stdout: 'berth_abcdef\n' })
    expect(expiresAt).toBe('2030-01-31T00:00:00.000Z')
    const listed = await runBerth(['token', 'list'], { home, url: server!.url })
    expect(listed.stdout).toMatch(/^t1 +ci +read +berth_ab +\S+ +2026-01-02T03:04:05.000Z +never$/m)
    const revoked = await runBerth(['token', 'revoke', 't1'], { home, url: server!.url })
    expect(revoked.stdout).toBe('Revoked t1.\n')
  })
})

test('the console command prints an address that signs in, and nothing else', async () => {
  const url = 'http://127.0.0.1:8080/#sign-in=abc'
  const ran = await berth(['console'], {
    createSignInCode: () => ({ code: 'abc', expiresAt: '2026-01-02T03:04:05.000Z', url }),
  })
  expect(ran).toMatchObject({ code: 0, stdout: `${url}\n` })
})

describe('exit codes', () => {
  test.each([
    ['not_found', 3],
    ['forbidden', 4],
    ['unauthenticated', 4],
    ['conflict', 1],
    ['internal', 1],
  ] as const)('an answer %s ends with %i', async (code, exitCode) => {
    const ran = await berth(['describe', 'admin/guide', '--json'], {
      getEndpoint: () => {
        throw new Refusal(code, 'Said so.')
      },
      listReplicas: () => {
        throw new Refusal(code, 'Said so.')
      },
    })
    expect(ran).toMatchObject({ code: exitCode, stdout: '' })
    expect(JSON.parse(ran.stderr)).toMatchObject({ error: 'Said so.', code })
  })

  test('a server that is not there ends with 5 and says how to start it', async () => {
    const gone = await startContractServer({})
    await gone.close()
    const ran = await runBerth(['list'], { home, url: gone.url })
    expect(ran).toMatchObject({ code: 5, stdout: '' })
    expect(ran.stderr).toContain(`Berth does not answer at ${gone.url}`)
    expect(ran.stderr).toContain('berth serve')
  })

  test.each([
    [['lst']],
    [['deploy']],
    [['list', '--nope']],
    [['describe', 'a/b/c']],
    [['logs', 'guide', '--tail', 'x']],
    [['logs', 'guide', '--since', 'soon']],
    [['logs', 'guide', '--level', 'loud']],
    [['logs', 'guide', '-f', '--until', '1h']],
    [['rollback', 'guide', 'first']],
    [['serve', '--port', 'eighty']],
  ])('wrong usage %j ends with 2', async (args) => {
    const ran = await runBerth(args, { home, url: 'http://127.0.0.1:1' })
    expect(ran).toMatchObject({ code: 2, stdout: '' })
    expect(ran.stderr).not.toBe('')
  })

  test('--help and --version end with 0, and the help documents every exit code', async () => {
    const help = await runBerth(['--help'], { home })
    expect(help).toMatchObject({ code: 0, stderr: '' })
    for (const code of [0, 1, 2, 3, 4, 5, 130]) expect(help.stdout).toMatch(new RegExp(`^  ${code} `, 'm'))
    expect(await runBerth(['--version'], { home })).toMatchObject({ code: 0, stderr: '' })
  })
})

test('without colour where none is wanted, with it where it is forced', async () => {
  const list = { items: [endpointSample()], nextCursor: null, totalItems: 1 }
  const plain = await berth(['list'], { listEndpoints: () => list })
  expect(plain.stdout).not.toContain('\u001b')
  const forced = await runBerth(['list'], { home, url: server!.url, env: { FORCE_COLOR: '1' } })
  expect(forced.stdout).toContain('\u001b[32mrunning')
})

test('a server of this data directory is found by its record and its token', async () => {
  server = await startContractServer({ whoami: () => whoamiSample })
  await writeFile(path.join(home, 'token'), 'berth_home\n')
  await runBerth(['whoami', '--url', server.url], { home })
  expect(server.tokens).toEqual(['berth_home'])
})

describe('what-if', () => {
  /** Two requests a second for ten minutes, on one replica that answered them well. */
  const told = () => {
    const each = <T>(value: (i: number) => T) => Array.from({ length: 1_200 }, (_, i) => value(i))
    return {
      start: '2026-08-01T10:00:00.000Z',
      stop: '2026-08-01T10:10:00.000Z',
      complete: true,
      scaling: { minReplica: 3, maxReplica: 4, measure: { pendingRequests: 1.5 } },
      pricePerHour: 2,
      startMs: [4_000, 5_000],
      requests: {
        atMs: each((i) => 500 * i),
        inputTokens: each(() => 200),
        cachedTokens: each(() => 0),
        outputTokens: each(() => 20),
        heldMs: each(() => 0),
        durationMs: each(() => 500),
        firstTokenMs: each(() => 100),
        interTokenMs: each(() => 20),
        replica: each(() => 7),
      },
    }
  }

  test('replays what was asked under the present policy, the asked one and one to suggest', async () => {
    const args = ['what-if', 'chat', '--last', '1h', '--policy', 'pending=8', '--min', '1']
    const ran = await berth(args, { readWhatIf: () => told() })
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    expect(ran.stdout).toContain('1200 from 2026-08-01T10:00:00.000Z')
    expect(ran.stdout).toMatch(/^present +pending requests 1\.5 +3–4 +100\.0 %/m)
    expect(ran.stdout).toMatch(/^asked +pending requests 8 +1–4 +100\.0 %/m)
    expect(ran.stdout).toMatch(/^suggested +.+ 1–4 /m)
    expect(ran.stdout).toContain('The suggested policy is the cheapest of those tried that keep 95 %')
  })

  test('says so when there is too little to replay', async () => {
    const { requests, ...rest } = told()
    const few = Object.fromEntries(
      Object.entries(requests).map(([name, values]) => [name, values.slice(0, 3)]),
    )
    const ran = await berth(['what-if', 'chat'], {
      readWhatIf: () => ({ ...rest, requests: few as typeof requests }),
    })
    expect(ran.code).toBe(1)
    expect(ran.stderr).toContain('Only 3 requests are remembered')
    expect(ran.stderr).toContain('--last')
  })
})
