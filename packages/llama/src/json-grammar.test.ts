import { beforeAll, describe, expect, test } from 'vitest'
import { jsonGrammar, literal } from './json-grammar.ts'
import { loadNative, type Native } from './native.ts'

let native: Native
beforeAll(async () => {
  native = await loadNative(false, () => undefined)
})

/** llama.cpp's own judgement of a text. */
const allows = (schema: unknown, text: string) =>
  new native.AddonGrammar(jsonGrammar(schema), { addonExports: native }).isTextCompatible(text)

const person = {
  type: 'object',
  properties: { name: { type: 'string' }, age: { type: 'integer' }, mail: { type: 'string' } },
  required: ['age'],
  additionalProperties: false,
}
const tree = {
  $ref: '#/$defs/node',
  $defs: {
    node: {
      type: 'object',
      properties: { value: { type: 'number' }, children: { type: 'array', items: { $ref: '#/$defs/node' } } },
      required: ['value'],
    },
  },
}

describe('a grammar for a schema', () => {
  test.for<{ schema: unknown; yes: readonly string[]; no: readonly string[] }>([
    { schema: { type: 'boolean' }, yes: ['true', 'false'], no: ['True', '1', 'null'] },
    { schema: { type: 'integer' }, yes: ['0', '-7', '120'], no: ['01', '1.5', '-', '"1"'] },
    { schema: { type: 'number' }, yes: ['0.5', '-1e10', '3'], no: ['.5', '1.', 'NaN'] },
    {
      schema: { type: 'string' },
      yes: ['""', '"a\\"b"', '"é🚢"', '"\\u00e9"'],
      no: ['"a"b"', '"\n"', '"\\x"', 'a'],
    },
    { schema: { type: 'string', minLength: 2, maxLength: 3 }, yes: ['"ab"', '"abc"'], no: ['"a"', '"abcd"'] },
    { schema: { enum: ['a', 1, null, { b: 2 }] }, yes: ['"a"', '1', 'null', '{"b":2}'], no: ['"b"', '2'] },
    { schema: { const: 'say "\\n"\n' }, yes: [JSON.stringify('say "\\n"\n')], no: ['"say"'] },
    { schema: { type: ['string', 'null'] }, yes: ['"a"', 'null'], no: ['1'] },
    { schema: { anyOf: [{ type: 'boolean' }, { type: 'integer' }] }, yes: ['true', '3'], no: ['"x"'] },
    { schema: { type: 'string', nullable: true }, yes: ['null', '"a"'], no: ['0'] },
    {
      schema: { type: 'array', items: { type: 'integer' }, minItems: 1, maxItems: 3 },
      yes: ['[1]', '[1, 2]', '[1,2,3]'],
      no: ['[]', '[1,2,3,4]', '[1,]', '["a"]'],
    },
    { schema: { type: 'array', items: { type: 'integer' }, maxItems: 1 }, yes: ['[]', '[1]'], no: ['[1,2]'] },
    { schema: { type: 'array', items: { type: 'integer' }, maxItems: 0 }, yes: ['[]'], no: ['[1]'] },
    {
      schema: { type: 'array', items: { type: 'integer' }, minItems: 2 },
      yes: ['[1,2]', '[1,2,3]'],
      no: ['[1]'],
    },
    {
      schema: { type: 'array', prefixItems: [{ type: 'integer' }, { type: 'string' }] },
      yes: ['[1,"a"]'],
      no: ['[1]', '["a",1]'],
    },
    {
      schema: person,
      yes: [
        '{"age":1}',
        '{"name":"a","age":1}',
        '{"age": 1, "mail": "m"}',
        '{"name":"a","age":1,"mail":"m"}',
      ],
      no: ['{}', '{"name":"a"}', '{"age":1,}', '{,"age":1}', '{"age":1,"name":"a"}', '{"age":1,"x":2}'],
    },
    {
      schema: { type: 'object', properties: { a: { type: 'null' }, b: { type: 'null' } } },
      yes: ['{}', '{"a":null}', '{"b":null}', '{"a":null,"b":null}'],
      no: ['{"b":null,"a":null}', '{,}'],
    },
    {
      schema: { type: 'object', additionalProperties: { type: 'integer' } },
      yes: ['{}', '{"x":1}', '{"x":1,"y":2}'],
      no: ['{"x":"a"}'],
    },
    {
      schema: {
        type: 'object',
        properties: { a: { type: 'integer' } },
        additionalProperties: { type: 'string' },
      },
      yes: ['{"a":1}', '{"x":"y"}', '{"a":1,"x":"y","z":""}'],
      no: ['{"a":1,"x":1}'],
    },
    { schema: { type: 'object' }, yes: ['{}', '{"a":[1,{"b":null}]}'], no: ['[]', '{"a"}'] },
    { schema: { type: 'object', additionalProperties: false }, yes: ['{}'], no: ['{"a":1}'] },
    { schema: true, yes: ['1', '"a"', '[[]]', 'null'], no: ['', 'x'] },
    {
      schema: tree,
      yes: ['{"value":1}', '{"value":1,"children":[{"value":2,"children":[]}]}'],
      no: ['{"children":[]}', '{"value":1,"children":[1]}'],
    },
    {
      schema: {
        allOf: [{ $ref: '#/$defs/a' }, { properties: { b: { type: 'integer' } }, required: ['b'] }],
        $defs: { a: { properties: { a: { type: 'integer' } }, required: ['a'] } },
      },
      yes: ['{"a":1,"b":2}'],
      no: ['{"a":1}', '{"b":2}'],
    },
  ])('$schema', ({ schema, yes, no }) => {
    for (const text of yes) expect(allows(schema, text), text).toBe(true)
    for (const text of no) expect(allows(schema, text), text).toBe(false)
  })

  test.for([
    { schema: { type: 'string', pattern: '^a' }, says: '"pattern"' },
    { schema: { type: 'integer', multipleOf: 3 }, says: '"multipleOf"' },
    { schema: { properties: { a: { not: {} } } }, says: '/properties/a uses "not"' },
    { schema: { type: 'thing' }, says: '"thing"' },
    { schema: { $ref: '#/$defs/none' }, says: '#/$defs/none' },
    { schema: { $ref: 'http://elsewhere/' }, says: 'elsewhere' },
    { schema: { enum: [] }, says: 'nothing to choose' },
    { schema: { type: 'array', minItems: 3, maxItems: 2 }, says: 'minItems' },
    { schema: { type: 'string', maxLength: 1e9 }, says: 'repetitions' },
    { schema: 'x', says: 'object' },
  ])('refuses $schema', ({ schema, says }) => {
    expect(() => jsonGrammar(schema)).toThrow(says)
  })

  test('refuses nesting without end', () => {
    let schema: object = { type: 'null' }
    for (let i = 0; i < 100; i++) schema = { type: 'array', items: schema }
    expect(() => jsonGrammar(schema)).toThrow('nested')
  })
})

test('a literal cannot leave its quotes', () => {
  expect(literal('a"b\\c')).toBe('"\\"a\\\\\\"b\\\\\\\\c\\""')
})
