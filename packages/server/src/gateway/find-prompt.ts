/**
 * Where in a JSON body the prompt begins, without parsing it.
 *
 * Looks at the structure of what stands before the prompt and at no byte of the prompt itself, which is nearly all
 * of the body. It does not judge whether the body is valid: that is for the replica.
 */

export type FoundPrompt = {
  /** Where the prompt's value begins. */
  readonly from: number
  /** What the model reads with or before it, or which model reads it: keys with their values, as they stand there. */
  readonly before: readonly Buffer[]
}

/** Chat and messages; completions; embeddings and responses; text generation. */
const PROMPT_KEYS = new Set(['messages', 'prompt', 'input', 'inputs'])
const KEYS_BEFORE = ['model', 'tools', 'system', 'instructions', 'cache_salt']
const MARKS_BEFORE = KEYS_BEFORE.map((key) => ({ key, mark: Buffer.from(`"${key}":`) }))
const LONGEST_KEY = 16
/** What stands after a prompt is looked for in the end of the body, which turns do not move. */
const TAIL_BYTES = 4 * 1024

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const COMMA = 0x2c
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d

/**
 * @param isWhole nothing of the body is missing from `bytes`.
 * @returns undefined for what is no JSON object, or one without a prompt. A body that is cut off before its prompt
 *   is taken as one from its first byte.
 */
export function findPrompt(bytes: Buffer, isWhole: boolean): FoundPrompt | undefined {
  let at = afterSpace(bytes, 0)
  if (bytes[at] !== OPEN_OBJECT) return undefined
  const before: Buffer[] = []
  const seen: string[] = []
  for (;;) {
    const keyAt = afterSpace(bytes, at + 1)
    if (keyAt < bytes.length && bytes[keyAt] !== QUOTE) return undefined
    const keyEnd = afterString(bytes, keyAt)
    const colonAt = afterSpace(bytes, keyEnd)
    if (colonAt < bytes.length && bytes[colonAt] !== COLON) return undefined
    const from = afterSpace(bytes, colonAt + 1)
    if (from >= bytes.length) break
    const key = keyEnd - keyAt <= LONGEST_KEY ? bytes.toString('latin1', keyAt + 1, keyEnd - 1) : ''
    if (PROMPT_KEYS.has(key)) {
      if (isWhole) addWhatFollows(bytes, from, seen, before)
      return { from, before }
    }
    const end = afterValue(bytes, from)
    if (KEYS_BEFORE.includes(key)) {
      before.push(bytes.subarray(keyAt, end))
      seen.push(key)
    }
    at = afterSpace(bytes, end)
    if (at >= bytes.length) break
    if (bytes[at] !== COMMA) return undefined
  }
  return isWhole ? undefined : { from: 0, before: [] }
}

/**
 * Clients often put the prompt first and the rest after it. A quote inside of a string is escaped, so the text of a
 * key with its quotes is a key; that it might be one of a deeper object does no harm, as it is found there each time.
 */
function addWhatFollows(bytes: Buffer, from: number, seen: readonly string[], before: Buffer[]): void {
  const tail = bytes.subarray(Math.max(from, bytes.length - TAIL_BYTES))
  for (const { key, mark } of MARKS_BEFORE) {
    const at = seen.includes(key) ? -1 : tail.lastIndexOf(mark)
    if (at !== -1) before.push(tail.subarray(at, afterValue(tail, afterSpace(tail, at + mark.length))))
  }
}

function afterSpace(bytes: Buffer, from: number): number {
  let at = from
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at++
  return at
}

/** After the string that begins at `from`; beyond the end if it does not end. */
function afterString(bytes: Buffer, from: number): number {
  for (let quote = bytes.indexOf(QUOTE, from + 1); quote !== -1; quote = bytes.indexOf(QUOTE, quote + 1)) {
    let backslashes = 0
    while (bytes[quote - 1 - backslashes] === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return quote + 1
  }
  return bytes.length + 1
}

/** After the value that begins at `from`; at or beyond the end if it does not end. */
function afterValue(bytes: Buffer, from: number): number {
  let depth = 0
  let at = from
  while (at < bytes.length) {
    const byte = bytes[at]!
    if (byte === QUOTE) {
      at = afterString(bytes, at)
      if (depth === 0) return at
      continue
    }
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      // The end of what encloses a number or a literal.
      if (depth === 0) return at
      depth--
      if (depth === 0) return at + 1
    } else if (byte === COMMA && depth === 0) return at
    at++
  }
  return at
}
