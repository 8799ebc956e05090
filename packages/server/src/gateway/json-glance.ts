/**
 * Looks for a value in JSON text by its key, without parsing the text.
 *
 * A key that is found is a key: inside a JSON string both its quotes would be escaped, so that only a string that is
 * exactly this word could be mistaken for it, and a colon follows none of those. All of it works on text decoded as
 * latin1, which is one character for each byte, fast, and right for everything but the letters inside strings.
 */

const SPACE = ' '
const TAB = '\t'

/** Where the value of `"key"` begins, at or after `from`; -1 if it is not there. */
export function valueAt(text: string, quotedKey: string, from = 0): number {
  for (let at = text.indexOf(quotedKey, from); at !== -1; at = text.indexOf(quotedKey, at + 1)) {
    const colon = skipSpace(text, at + quotedKey.length)
    if (text[colon] === ':') return skipSpace(text, colon + 1)
  }
  return -1
}

/** The object that begins at `from`, parsed; undefined if it does not end within the text. */
export function objectAt(text: string, from: number): unknown {
  if (text[from] !== '{') return undefined
  let depth = 0
  let isString = false
  for (let at = from; at < text.length; at++) {
    const letter = text[at]
    if (letter === '\\') at++
    else if (letter === '"') isString = !isString
    else if (!isString && letter === '{') depth++
    else if (!isString && letter === '}' && --depth === 0) return parsed(text.slice(from, at + 1))
  }
  return undefined
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (text[at] === SPACE || text[at] === TAB || text[at] === '\n' || text[at] === '\r') at++
  return at
}
