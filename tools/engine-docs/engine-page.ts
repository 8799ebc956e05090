/** The page of one engine, from its knowledge and the schema of its settings. */
import { imageSettings } from '@berth/contract'
import { z } from 'zod'
import type { Engine } from '../../packages/server/src/engines/engine.ts'
import { type EngineImages, IMAGES } from '../../packages/server/src/engines/images.ts'
import { reservedFor } from '../../packages/server/src/engines/reserved-settings.ts'
import { GUIDES, type Guide } from './guides.ts'

type Schema = {
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly minimum?: number
  readonly description?: string
  readonly deprecated?: boolean
  readonly properties?: Readonly<Record<string, Schema>>
}

export function enginePage(engine: Engine): string {
  const guide = GUIDES[engine.name]
  if (!guide) throw new Error(`tools/engine-docs/guides.ts says nothing about ${engine.name}`)
  return `${[
    `# ${guide.title}`,
    '<!-- Written by `npm run docs:engines` from the settings’ schemas: change those, or tools/engine-docs/guides.ts. -->',
    guide.what,
    `**When to take it.** ${guide.when}`,
    `## First steps\n\n${guide.first.map((line) => `    ${line}`).join('\n')}`,
    `## What to set first\n\n${guide.setFirst.map((line) => `- ${line}`).join('\n')}`,
    `## How it fails\n\n${table(['what you see', 'what mends it'], guide.fails)}\n\nA start that fails is examined: \`berth describe <name>\` tells the cause and what would mend it, \`berth logs <name>\` the engine’s own words.`,
    `## What it is\n\n${table(['', ''], about(engine, guide))}`,
    `## Settings\n\n\`model.image.${guide.variant}\`, or \`--set name=value\` on the command line.\n\n${settings(guide)}`,
    ...reserved(engine),
    `## Good to know\n\n${guide.good.map((line) => `- ${line}`).join('\n')}`,
  ].join('\n\n')}\n`
}

function about(engine: Engine, { variant, runsAs }: Guide): string[][] {
  const images: EngineImages | undefined = (IMAGES as Readonly<Record<string, EngineImages>>)[engine.name]
  const seconds = (bytes: number) => Math.round(engine.health.startTimeoutMs(bytes) / 1_000)
  const rows = [
    ['in the API', `\`${variant}\``],
    ['runs as', runsAs ?? 'a container'],
    ['can', engine.capabilities.join(', ') || 'what your image can'],
    ['ready when', `\`GET ${engine.health.route}\` answers 200`],
    [
      'has to be ready within',
      `${seconds(0)} s, and ${seconds(10e9) - seconds(0)} s more for 10 GB of weights`,
    ],
  ]
  for (const kind of ['cpu', 'gpu'] as const) {
    const image = images?.[kind]
    if (image)
      rows.push([`image on a ${kind.toUpperCase()}`, `\`${image.image}\` (seen in ${image.checkedIn})`])
  }
  return rows
}

function settings({ variant }: Guide): string {
  const schema = z.toJSONSchema(imageSettings[variant]!, { io: 'input', unrepresentable: 'any' }) as Schema
  const rows = Object.entries(schema.properties ?? {})
    .filter(([, { deprecated }]) => !deprecated)
    .map(([name, property]) => [`\`${name}\``, typeOf(property), property.description ?? ''])
  return table(['setting', 'values', 'what'], rows)
}

function typeOf({ type, enum: values, anyOf, minimum }: Schema): string {
  if (anyOf) return anyOf.map(typeOf).join(' or ')
  if (typeof type === 'object') return type.join(' or ')
  if (values) return values.map((value) => `\`${String(value)}\``).join(', ')
  if (type === 'integer') return minimum === undefined ? 'number' : `number from ${minimum}`
  return type ?? ''
}

function reserved({ name }: Engine): string[] {
  const { env, args } = reservedFor(name)
  const rows = [...Object.entries(env), ...Object.entries(args)].map(([key, why]) => [`\`${key}\``, why])
  return rows.length === 0
    ? []
    : [
        `## Reserved\n\nVariables and arguments that Berth sets itself, and refuses by name.\n\n${table(['name', 'why, or what to use'], rows)}`,
      ]
}

/** Aligned, as the formatter leaves it. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows].map((cells) => cells.map((cell) => cell.replaceAll('|', '\\|')))
  const widths = header.map((_, column) => Math.max(3, ...lines.map((cells) => cells[column]!.length)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`
  const [first, ...rest] = lines
  return [line(first!), line(widths.map((width) => '-'.repeat(width))), ...rest.map(line)].join('\n')
}
