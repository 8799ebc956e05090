import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fieldsIn, fieldsOf, HeadScan, lengthIn, pairsIn, readFieldLines } from './field-lines.ts'
import { NAMES, NO_NAMES, nameSet } from './field-names.ts'

const LIMIT = 100
const ONCE = nameSet(['host'])
const look = (text: string) => new HeadScan(LIMIT).look(Buffer.from(text, 'latin1'))

/** As it comes byte by byte. */
function lookByByte(text: string) {
  const scan = new HeadScan(LIMIT)
  const bytes = Buffer.from(text, 'latin1')
  for (let end = 1; end <= bytes.length; end++) {
    const found = scan.look(bytes.subarray(0, end))
    if (found !== 'more') return found
  }
  return 'more'
}

describe('HeadScan', () => {
  test.for([
    ['a\r\n\r\nrest', 5],
    ['a\r\nb: c\r\n\r\n', 11],
    ['\r\n', 2],
    ['a\r\n', 'more'],
    ['a\r\n\r', 'more'],
    ['', 'more'],
    ['a\n', { fault: 'a line ends in a bare line feed' }],
    ['a\r\n\n', { fault: 'a line ends in a bare line feed' }],
    ['a\rb', { fault: 'it has a bare carriage return' }],
    ['a\r\r\n', { fault: 'it has a bare carriage return' }],
    ['a\0', { fault: 'it has a control character' }],
    ['a\x7f', { fault: 'it has a control character' }],
    ['a\t\xff\r\n\r\n', 7],
    ['x'.repeat(LIMIT), 'too-long'],
    [`${'x'.repeat(LIMIT - 4)}\r\n\r\n`, LIMIT],
    [`${'x'.repeat(LIMIT - 3)}\r\n\r\n`, 'too-long'],
  ] as const)('%j: %j', ([text, found]) => {
    expect(look(text)).toEqual(found)
  })

  test('it says the same of bytes that come one by one', () => {
    const pieces = fc.constantFrom('\r', '\n', '\r\n', 'a', ': ', '\0', 'x'.repeat(60))
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        expect(lookByByte(parts.join(''))).toEqual(look(parts.join('')))
      }),
    )
  })
})

describe('readFieldLines', () => {
  test.for([
    ['', []],
    ['a: b\r\n', ['a', 'b']],
    ['A:b\r\nc: \t d e \t\r\n', ['A', 'b', 'c', 'd e']],
    ['a:\r\nb: :\r\n', ['a', '', 'b', ':']],
    ['x: a\r\nX: b\r\n', ['x', 'a', 'X', 'b']],
    ['host: a\r\nHost: a\r\n', 'it has more than one Host header'],
    ['a\r\nb: c\r\n', 'a header has no colon'],
    [' a: b\r\n', 'a header has a name that is none'],
    ['a : b\r\n', 'a header has a name that is none'],
    [': b\r\n', 'a header has a name that is none'],
    ['transfer-encoding: chunked\t\r\n', 'its Transfer-Encoding ends in a blank'],
  ] as const)('%j: %j', ([text, read]) => {
    const lines = readFieldLines(text, 0, ONCE)
    expect('fault' in lines ? lines.fault : lines.pairs).toEqual(read)
  })

  test('fields of the same name are joined, cookies as cookies are', () => {
    const lines = readFieldLines('Vary: 1\r\nvary: 2\r\ncookie: x\r\nCookie: y\r\n__proto__: z\r\n', 0, ONCE)
    expect(lines).toMatchObject({ vary: '1, 2', cookie: 'x; y' })
    expect(lines).not.toHaveProperty('host', expect.anything())
  })

  test('every name that is known is found, however its letters are written, and no other', () => {
    const cases = fc.constantFrom<(text: string) => string>(
      (text) => text,
      (text) => text.toUpperCase(),
      (text) => text.replaceAll(/\b\w/g, (letter) => letter.toUpperCase()),
    )
    fc.assert(
      fc.property(fc.constantFrom(...NAMES), cases, fc.constantFrom('', 'x', '-'), (name, write, more) => {
        const fields = fieldsIn(`${write(name)}${more}: 1\r\n`)
        expect(NAMES.filter((each) => fields[each] !== undefined)).toEqual(more === '' ? [name] : [])
      }),
    )
  })

  const name = fc.oneof(
    fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/),
    fc.constantFrom('Host', 'HOST', 'content-type', 'Accept', 'x-request-id'),
  )
  const value = fc.stringMatching(/^(?:[!-~\xa1-\xff](?:[ -~\xa1-\xff]*[!-~\xa1-\xff])?)?$/)
  const pairsOf = fc.array(fc.tuple(name, value), { maxLength: 8 })

  test('what was written is read, and read alike by who has split it already', () => {
    fc.assert(
      fc.property(pairsOf, fc.constantFrom(': ', ':', ':  '), (pairs, colon) => {
        const text = pairs.map(([n, v]) => `${n}${colon}${v}${colon === ': ' ? '' : ' '}\r\n`).join('')
        fc.pre(!/transfer-encoding/i.test(text))
        expect(fieldsIn(text).pairs).toEqual(pairs.flat())
        expect(fieldsOf(pairs.flat(), NO_NAMES)).toMatchObject({ pairs: pairs.flat() })
      }),
    )
  })

  test('what is left without some names is every other line, as it was', () => {
    fc.assert(
      fc.property(pairsOf, fc.subarray(['host', 'content-type'] as const), (pairs, names) => {
        const fields = fieldsIn(pairs.map(([n, v]) => `${n}: ${v}\r\n`).join(''))
        const left = pairs.filter(([n]) => !['accept', ...names].includes(n.toLowerCase())).flat()
        expect(pairsIn(fields.without(nameSet(names), ['accept']))).toEqual(left)
      }),
    )
  })
})

test.for([
  ['0', 0],
  ['007', 7],
  ['999999999999999', 999_999_999_999_999],
  ['9999999999999999', undefined],
  ['', undefined],
  ['+1', undefined],
  ['1 ', undefined],
  ['1, 1', undefined],
  ['0x1', undefined],
  ['1e3', undefined],
  ['١', undefined],
] as const)('the length %j is %j', ([text, length]) => {
  expect(lengthIn(text)).toBe(length)
})
