/**
 * The endpoint of the form as a `berth` command, as curl and as Python: the same thing, ready to be pasted. Pure.
 *
 * A secret's value is never shown: it is taken from the environment variable of its name.
 */
import type { Endpoint } from '@berth/contract'

export type CodeLanguage = 'berth' | 'curl' | 'python'

export type Target = { readonly url: string; readonly namespace: string; readonly ownNamespace: boolean }

export function endpointAsCode(language: CodeLanguage, endpoint: Endpoint, target: Target): string {
  switch (language) {
    case 'berth':
      return berthCommand(endpoint, target)
    case 'curl':
      return curlCommand(endpoint, target)
    case 'python':
      return pythonProgram(endpoint, target)
  }
}

function berthCommand(endpoint: Endpoint, { namespace, ownNamespace }: Target): string {
  const { name, type, compute, model, routing, tags = [] } = endpoint
  const { minReplica, maxReplica, scaleToZeroTimeout } = compute.scaling
  const [variant, settings] = Object.entries(model.image)[0] as [string, Record<string, unknown>]
  const flags = [
    ['--name', name],
    ...(ownNamespace ? [] : [['--namespace', namespace]]),
    ...(variant === 'huggingface' ? [] : [['--engine', variant]]),
    ...Object.entries(settings).flatMap(([key, value]) =>
      typeof value === 'object' ? [] : [['--set', `${key}=${String(value)}`]],
    ),
    ['--instance', `${compute.instanceType}/${compute.instanceSize}`],
    ['--min', String(minReplica)],
    ['--max', String(maxReplica)],
    [
      '--idle',
      scaleToZeroTimeout === null || scaleToZeroTimeout === undefined ? 'never' : String(scaleToZeroTimeout),
    ],
    ...scaleOn(compute.scaling.measure),
    ...scheduleLines(compute.scaling.schedules).map((line) => ['--schedule', line]),
    ...(compute.scaling.maxCostPerHour
      ? [['--max-cost-per-hour', String(compute.scaling.maxCostPerHour)]]
      : []),
    ['--access', type],
    ...(model.revision ? [['--revision', model.revision]] : []),
    ...(model.task ? [['--task', model.task]] : []),
    ...Object.entries(model.env ?? {}).map(([key, value]) => ['--env', `${key}=${value}`]),
    ...Object.keys(model.secrets ?? {}).map((key) => ['--secret', key]),
    ...Object.entries(model.adapters ?? {}).map(([key, { repository, revision }]) => [
      '--adapter',
      `${key}=${repository}${revision ? `@${revision}` : ''}`,
    ]),
    ...(model.args ?? []).map((argument) => ['--arg', argument]),
    ...(routing?.policy ? [['--routing', routing.policy]] : []),
    ...(routing?.requestsPerReplica ? [['--requests-per-replica', String(routing.requestsPerReplica)]] : []),
    ...routerFlags(endpoint.customRouter),
    ...tags.map((tag) => ['--tag', tag]),
  ]
  const parts = [
    ...flags.map(([flag = '', value = '']) => `${flag} ${shellQuoted(value)}`),
    ...(compute.scaling.strict ? ['--strict'] : []),
  ]
  return [`berth deploy ${shellQuoted(model.repository)}`, ...parts].join(' \\\n  ')
}

function scaleOn(measure: Endpoint['compute']['scaling']['measure']): string[][] {
  if (!measure) return []
  return [['--scale-on', 'slo' in measure ? objective(measure.slo) : threshold(measure)]]
}

function routerFlags(router: Endpoint['customRouter']): string[][] {
  if (!router?.tag) return []
  return [
    ['--router', router.tag],
    ...Object.entries(router.env ?? {}).map(([key, value]) => ['--router-env', `${key}=${value}`]),
    ...(router.port ? [['--router-port', String(router.port)]] : []),
  ]
}

const scheduleLines = (schedules: Endpoint['compute']['scaling']['schedules'] = []): string[] =>
  schedules.map(
    ({ days, fromHour, toHour, minReplica, timeZone }) =>
      `${days.join(',')} ${fromHour}-${toHour} ${minReplica} ${timeZone}`,
  )

type Measure = NonNullable<Endpoint['compute']['scaling']['measure']>

function threshold(measure: Exclude<Measure, { readonly slo: unknown }>): string {
  const [word, value] =
    'hardwareUsage' in measure ? ['cpu', measure.hardwareUsage] : ['pending', measure.pendingRequests]
  return value === null || value === undefined ? word : `${word}=${value}`
}

function objective(slo: Extract<Measure, { readonly slo: unknown }>['slo']): string {
  const { firstTokenMs, firstTokenMsPerInputToken, interTokenMs, attainment } = slo
  const parts = [
    `ttft:${firstTokenMs}ms`,
    `itl:${interTokenMs}ms`,
    ...(firstTokenMsPerInputToken ? [`per-token:${firstTokenMsPerInputToken}ms`] : []),
    ...(attainment ? [`of:${Math.round(attainment * 1_000) / 10}%`] : []),
  ]
  return `slo=${parts.join(',')}`
}

const UNSAID = [
  ['cacheHttpResponses', 'the cache'],
  ['cors', 'the origins'],
  ['fallback', 'the fallback'],
  ['limits', 'the limits'],
  ['experimentalFeatures', 'experimental features'],
] as const satisfies readonly (readonly [keyof Endpoint, string])[]

/** What the command, as it is written here, does not say, so that nobody believes it did. */
export function unsaidByCommand(endpoint: Endpoint): readonly string[] {
  const { model } = endpoint
  return [
    ...UNSAID.filter(([field]) => endpoint[field] !== undefined).map(([, words]) => words),
    ...(model.image.custom?.credentials ? ['who asks the registry'] : []),
    ...(model.command?.length ? ['the container’s command'] : []),
  ]
}

function curlCommand(endpoint: Endpoint, { url, namespace }: Target): string {
  const body = shellQuoted(JSON.stringify(withSecretNames(endpoint), null, 2)).replaceAll(
    SECRET,
    (_, name: string) => `'"$${name}"'`,
  )
  return [
    `curl ${url}/v2/endpoint/${encodeURIComponent(namespace)}`,
    `-H "Authorization: Bearer $BERTH_TOKEN"`,
    `-H 'Content-Type: application/json'`,
    `-d ${body}`,
  ].join(' \\\n  ')
}

function pythonProgram(endpoint: Endpoint, { url, namespace }: Target): string {
  const body = pythonLiteral(withSecretNames(endpoint), 0).replaceAll(
    new RegExp(`"${SECRET.source}"`, 'g'),
    (_, name: string) => `os.environ["${name}"]`,
  )
  return [
    'import os, requests',
    '',
    `endpoint = ${body}`,
    'answer = requests.post(',
    `    ${JSON.stringify(`${url}/v2/endpoint/${encodeURIComponent(namespace)}`)},`,
    '    headers={"Authorization": f"Bearer {os.environ[\'BERTH_TOKEN\']}"},',
    '    json=endpoint,',
    ')',
    'print(answer.json())',
  ].join('\n')
}

/** Stands for a secret's value until the language says how a variable is read. No text of a form holds U+E000. */
const SECRET = /\uE000(\w+)\uE000/g

function withSecretNames(endpoint: Endpoint): Endpoint {
  const { secrets, image } = endpoint.model
  const standIn = (name: string) => `\uE000${name}\uE000`
  const credentials = image.custom?.credentials
  const named = Object.fromEntries(Object.keys(secrets ?? {}).map((name) => [name, standIn(name)]))
  const masked = { ...credentials, password: standIn('REGISTRY_PASSWORD') }
  return {
    ...endpoint,
    model: {
      ...endpoint.model,
      ...(secrets && { secrets: named }),
      ...(credentials && {
        image: { custom: { ...image.custom, credentials: masked } } as Endpoint['model']['image'],
      }),
    },
  }
}

/** What a POSIX shell takes as one word, whatever is in it. */
export function shellQuoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

function pythonLiteral(value: unknown, depth: number): string {
  if (value === null || value === undefined) return 'None'
  if (value === true) return 'True'
  if (value === false) return 'False'
  if (Array.isArray(value)) return `[${value.map((one) => pythonLiteral(one, depth)).join(', ')}]`
  if (typeof value !== 'object') return JSON.stringify(value)
  const entries = Object.entries(value)
  if (entries.length === 0) return '{}'
  const indent = '    '.repeat(depth + 1)
  const inner = entries.map(
    ([key, one]) => `${indent}${JSON.stringify(key)}: ${pythonLiteral(one, depth + 1)},`,
  )
  return `{\n${inner.join('\n')}\n${'    '.repeat(depth)}}`
}
