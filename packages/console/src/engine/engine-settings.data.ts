/** The engines' settings as named fields, read from the contract's schemas when the console is built. */
import { Image, imageVariants } from '@berth/contract'
import { z } from 'zod'

export type SettingField = {
  readonly name: string
  readonly kind: 'number' | 'boolean' | 'choice' | 'text'
  readonly choices: readonly string[]
  readonly help: string
}

type Json = {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly anyOf?: readonly Json[]
  readonly description?: string
  readonly deprecated?: boolean
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, Json>>
}

/** Above this a maximum is the limit of numbers, and tells nobody anything. */
const GREATEST_TOLD = 1e9

const schema = z.toJSONSchema(Image, { io: 'output', unrepresentable: 'any' }) as Json

export const engineSettings: Readonly<Record<string, readonly SettingField[]>> = Object.fromEntries(
  imageVariants.map((variant) => [
    variant,
    Object.entries(schema.properties?.[variant]?.properties ?? {}).flatMap(
      ([name, json]) => fieldOf(name, json) ?? [],
    ),
  ]),
)

function fieldOf(name: string, json: Json): SettingField | undefined {
  // What may also be null is left out instead.
  const meant = json.anyOf?.find((one) => one.type !== 'null') ?? json
  if (json.deprecated || meant.type === 'object') return undefined
  const help = [json.description ?? meant.description, range(meant)].filter(Boolean).join(' ')
  const field = { name, help, choices: meant.enum ?? [] }
  if (meant.enum) return { ...field, kind: 'choice' }
  if (meant.type === 'integer' || meant.type === 'number') return { ...field, kind: 'number' }
  return { ...field, kind: meant.type === 'boolean' ? 'boolean' : 'text' }
}

function range({ minimum, maximum }: Json): string {
  if (minimum === undefined) return ''
  const most =
    maximum !== undefined && maximum < GREATEST_TOLD ? ` to ${maximum.toLocaleString('en-US')}` : ' or more'
  return `${minimum}${most}.`
}
