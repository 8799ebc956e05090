/**
 * From a JSON schema to a grammar (GBNF) that makes a model answer in exactly that shape.
 *
 * What a grammar can hold a model to is translated; what it cannot (a pattern, a multiple) is refused by name,
 * since an answer that only looks checked is worse than an error. Words that only describe are ignored.
 */
import { ApiError } from './api-error.ts'

type Schema = Readonly<Record<string, unknown>>

const MAX_DEPTH = 64
const MAX_RULES = 10_000
const MAX_REPETITIONS = 2_000
/** Spaces that a model may put between tokens of JSON; bounded, or a model could write them forever. */
const SPACE = '| " " | "\\n" [ \\t]{0,20}'

const PRIMITIVES: Readonly<Record<string, string>> = {
  boolean: '("true" | "false")',
  null: '"null"',
  integer: '("-"? ("0" | [1-9] [0-9]{0,15}))',
  number: '("-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})?)',
  string: '"\\"" character* "\\""',
  character: '[^"\\\\\\x7F\\x00-\\x1F] | "\\\\" (["\\\\/bfnrt] | "u" [0-9a-fA-F]{4})',
  object:
    '"{" space (string space ":" space value (space "," space string space ":" space value)*)? space "}"',
  array: '"[" space (value (space "," space value)*)? space "]"',
  value: 'object | array | string | number | boolean | null',
}
const USES: Readonly<Record<string, readonly string[]>> = {
  string: ['character'],
  value: ['object', 'array', 'string', 'number', 'boolean', 'null'],
  object: ['string', 'value'],
  array: ['value'],
}

const DESCRIBING = new Set([
  ...['$schema', '$id', '$comment', '$defs', 'definitions', 'title', 'description', 'default', 'examples'],
  ...['readOnly', 'writeOnly', 'deprecated', 'strict', 'nullable', 'format'],
])
const KNOWN = new Set([
  ...[
    'type',
    'properties',
    'required',
    'additionalProperties',
    'items',
    'prefixItems',
    'minItems',
    'maxItems',
  ],
  ...['minLength', 'maxLength', 'enum', 'const', 'anyOf', 'oneOf', 'allOf', '$ref'],
])
/** Not held to, but harmless: the value still has its type. */
const UNCHECKED = new Set(['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'uniqueItems'])

export function jsonGrammar(schema: unknown): string {
  return new GrammarWriter(schema).write()
}

class GrammarWriter {
  readonly #root: unknown
  readonly #rules = new Map<string, string>()
  readonly #references = new Map<string, string>()
  #freshNames = 0

  constructor(root: unknown) {
    this.#root = root
  }

  write(): string {
    this.#rules.set('space', SPACE)
    this.#rules.set('root', this.#expression(this.#root, '', 0))
    return [...this.#rules].map(([name, body]) => `${name} ::= ${body}`).join('\n')
  }

  #expression(schema: unknown, path: string, depth: number): string {
    if (schema === true || schema === undefined) return this.#primitive('value')
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
      throw refusal(path, 'must be a JSON object')
    }
    if (depth > MAX_DEPTH) throw refusal(path, `is nested deeper than ${MAX_DEPTH} levels`)
    const known = schema as Schema
    for (const word of Object.keys(known)) {
      if (!DESCRIBING.has(word) && !KNOWN.has(word) && !UNCHECKED.has(word)) {
        throw refusal(path, `uses "${word}", which this engine cannot hold an answer to`)
      }
    }
    const expression = this.#shape(known, path, depth)
    return known['nullable'] === true ? `(${expression} | ${this.#primitive('null')})` : expression
  }

  #shape(schema: Schema, path: string, depth: number): string {
    if (schema['$ref'] !== undefined) return this.#reference(schema['$ref'], path, depth)
    if (schema['const'] !== undefined) return literal(schema['const'])
    if (schema['enum'] !== undefined) return alternatives(listIn(schema, 'enum', path).map(literal), path)
    for (const word of ['anyOf', 'oneOf'] as const) {
      if (schema[word] === undefined) continue
      const choices = listIn(schema, word, path)
      return alternatives(
        choices.map((choice, i) => this.#expression(choice, `${path}/${word}/${i}`, depth + 1)),
        path,
      )
    }
    if (schema['allOf'] !== undefined) return this.#shape(this.#merged(schema, path), path, depth + 1)
    const type = schema['type'] ?? impliedType(schema)
    if (Array.isArray(type)) {
      return alternatives(
        type.map((one) => this.#typed(one, schema, path, depth)),
        path,
      )
    }
    return this.#typed(type, schema, path, depth)
  }

  #typed(type: unknown, schema: Schema, path: string, depth: number): string {
    switch (type) {
      case undefined:
        return this.#primitive('value')
      case 'object':
        return this.#object(schema, path, depth)
      case 'array':
        return this.#array(schema, path, depth)
      case 'string':
        return this.#string(schema, path)
      case 'integer':
      case 'number':
      case 'boolean':
      case 'null':
        return this.#primitive(type)
      default:
        throw refusal(path, `has the unknown type ${JSON.stringify(type)}`)
    }
  }

  /**
   * Properties come in the order of the schema, since a grammar for any order would grow with its factorial. An
   * optional one may be left out: `tail(i, first)` is what may follow when the properties before i are written.
   */
  #object(schema: Schema, path: string, depth: number): string {
    const properties = Object.entries((schema['properties'] ?? {}) as Schema)
    const additional = schema['additionalProperties']
    if (properties.length === 0) {
      if (additional === false) return '"{" space "}"'
      if (additional === undefined || additional === true) return this.#primitive('object')
    }
    const required = new Set(schema['required'] === undefined ? [] : listIn(schema, 'required', path))
    const members = properties.map(([name, value]) => ({
      rule: this.#rule(
        `${literal(name)} space ":" space ${this.#expression(value, `${path}/properties/${name}`, depth + 1)}`,
      ),
      isRequired: required.has(name),
      isRepeated: false,
    }))
    if (typeof additional === 'object' && additional !== null) {
      const value = this.#expression(additional, `${path}/additionalProperties`, depth + 1)
      members.push({
        rule: this.#rule(`${this.#primitive('string')} space ":" space ${value}`),
        isRequired: false,
        isRepeated: true,
      })
    }
    const tails = new Map<string, string>()
    const tail = (i: number, isFirst: boolean): string => {
      const member = members[i]
      if (!member) return ''
      const key = `${i} ${isFirst}`
      const existing = tails.get(key)
      if (existing) return existing
      const repeat = member.isRepeated ? ` (space "," space ${member.rule})*` : ''
      const present = `${isFirst ? '' : 'space "," space '}${member.rule}${repeat} ${tail(i + 1, false)}`
      const rule = this.#rule(member.isRequired ? present : `${present} | ${tail(i + 1, isFirst) || '""'}`)
      tails.set(key, rule)
      return rule
    }
    return `"{" space ${tail(0, true)} space "}"`
  }

  #array(schema: Schema, path: string, depth: number): string {
    if (schema['prefixItems'] !== undefined) {
      const items = listIn(schema, 'prefixItems', path).map((item, i) =>
        this.#expression(item, `${path}/prefixItems/${i}`, depth + 1),
      )
      return `"[" space ${items.join(' space "," space ')} space "]"`
    }
    const [min, max] = boundsIn(schema, 'minItems', 'maxItems', path)
    if (max === 0) return '"[" space "]"'
    const item = this.#rule(this.#expression(schema['items'], `${path}/items`, depth + 1))
    const more = max === 1 ? '' : ` (space "," space ${item})${times(Math.max(0, min - 1), max - 1)}`
    const items = min === 0 ? `(${item}${more})?` : `${item}${more}`
    return `"[" space ${items} space "]"`
  }

  #string(schema: Schema, path: string): string {
    const [min, max] = boundsIn(schema, 'minLength', 'maxLength', path)
    if (min === 0 && max === Number.POSITIVE_INFINITY) return this.#primitive('string')
    return `"\\"" ${this.#primitive('character')}${times(min, max)} "\\""`
  }

  #reference(reference: unknown, path: string, depth: number): string {
    if (typeof reference !== 'string' || !reference.startsWith('#')) {
      throw refusal(
        path,
        `refers to ${JSON.stringify(reference)}; only references into the schema itself work`,
      )
    }
    const existing = this.#references.get(reference)
    if (existing) return existing
    const name = this.#freshName()
    // Named before it is written, so that a schema may refer to itself.
    this.#references.set(reference, name)
    this.#rules.set(name, '""')
    this.#rules.set(name, this.#expression(this.#lookUp(reference, path), reference, depth + 1))
    return name
  }

  #lookUp(reference: string, path: string): unknown {
    let at: unknown = this.#root
    for (const step of reference.slice(1).split('/').slice(1)) {
      const name = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
      at = typeof at === 'object' && at !== null && Object.hasOwn(at, name) ? (at as Schema)[name] : undefined
      if (at === undefined) throw refusal(path, `refers to "${reference}", which is not there`)
    }
    return at
  }

  /** Object schemas that all hold: their properties together. */
  #merged(schema: Schema, path: string): Schema {
    const { allOf, ...own } = schema
    const parts = [own, ...(allOf as unknown[])].map((part) => {
      const reference = (part as Schema | null)?.['$ref']
      return (typeof reference === 'string' ? this.#lookUp(reference, path) : part) as Schema
    })
    if (
      listIn(schema, 'allOf', path).length === 1 &&
      Object.keys(own).every((word) => DESCRIBING.has(word))
    ) {
      return parts[1] as Schema
    }
    const isObject = (part: Schema) => part['anyOf'] === undefined && part['enum'] === undefined
    if (!parts.every(isObject)) throw refusal(path, 'combines with "allOf" what is not an object')
    return {
      type: 'object',
      properties: Object.assign({}, ...parts.map((part) => part['properties'] ?? {})),
      required: parts.flatMap((part) => (part['required'] as string[] | undefined) ?? []),
      ...(parts.some((part) => part['additionalProperties'] === false)
        ? { additionalProperties: false }
        : {}),
    }
  }

  #primitive(name: string): string {
    if (!this.#rules.has(name)) {
      this.#rules.set(name, PRIMITIVES[name] as string)
      for (const used of USES[name] ?? []) this.#primitive(used)
    }
    return name
  }

  #rule(body: string): string {
    const name = this.#freshName()
    this.#rules.set(name, body)
    return name
  }

  #freshName(): string {
    if (this.#rules.size > MAX_RULES) throw refusal('', 'is too large')
    return `rule-${this.#freshNames++}`
  }
}

/** The exact text of a JSON value, as a grammar's literal. */
export function literal(value: unknown): string {
  const json = JSON.stringify(value)
  return `"${json.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r')}"`
}

function alternatives(expressions: readonly string[], path: string): string {
  if (expressions.length === 0) throw refusal(path, 'leaves nothing to choose from')
  return `(${expressions.join(' | ')})`
}

function times(min: number, max: number): string {
  if (max === Number.POSITIVE_INFINITY) return min === 0 ? '*' : `{${min},}`
  return `{${min},${max}}`
}

function impliedType(schema: Schema): string | undefined {
  if (schema['properties'] !== undefined || schema['additionalProperties'] !== undefined) return 'object'
  if (schema['items'] !== undefined || schema['prefixItems'] !== undefined) return 'array'
  if (schema['minLength'] !== undefined || schema['maxLength'] !== undefined) return 'string'
  return undefined
}

function listIn(schema: Schema, word: string, path: string): readonly unknown[] {
  const list = schema[word]
  if (!Array.isArray(list)) throw refusal(path, `has a "${word}" that is no list`)
  return list
}

function boundsIn(schema: Schema, low: string, high: string, path: string): readonly [number, number] {
  const min = schema[low] ?? 0
  const max = schema[high] ?? Number.POSITIVE_INFINITY
  const isCount = (value: unknown) =>
    value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && (value as number) >= 0)
  if (!isCount(min) || !isCount(max) || (max as number) < (min as number)) {
    throw refusal(path, `has a "${low}" or "${high}" that makes no sense`)
  }
  for (const bound of [min, max] as number[]) {
    if (Number.isFinite(bound) && bound > MAX_REPETITIONS) {
      throw refusal(path, `asks for ${bound} repetitions; at most ${MAX_REPETITIONS} work`)
    }
  }
  return [min as number, max as number]
}

const refusal = (path: string, problem: string) =>
  new ApiError('invalid_request_error', `the JSON schema${path ? ` at ${path}` : ''} ${problem}`)
