/**
 * Which files of a repository somebody wants, said as `huggingface_hub` says it: shell patterns, in which `*` also
 * matches slashes and a pattern that ends in a slash means everything below.
 */

type Token =
  | { readonly kind: 'anything' }
  | { readonly kind: 'one' }
  | { readonly kind: 'literal'; readonly character: string }
  | { readonly kind: 'set'; readonly members: string; readonly negated: boolean }

export type DownloadPattern = { readonly include?: readonly string[]; readonly exclude?: readonly string[] }

export function chooseFiles<File extends { readonly path: string }>(
  files: readonly File[],
  { include, exclude }: DownloadPattern,
): File[] {
  return files.filter(
    ({ path }) =>
      (include === undefined || include.some((pattern) => matchesPattern(path, pattern))) &&
      !(exclude ?? []).some((pattern) => matchesPattern(path, pattern)),
  )
}

/** Whether `path` matches the whole of `pattern`, in time proportional to both lengths whatever the stars. */
export function matchesPattern(path: string, pattern: string): boolean {
  const tokens = parse(pattern.endsWith('/') ? `${pattern}*` : pattern)
  const characters = Array.from(path)
  let at = 0
  let next = 0
  let star: { readonly token: number; at: number } | undefined

  while (at < characters.length) {
    const token = tokens[next]
    if (token?.kind === 'anything') {
      star = { token: next, at }
      next += 1
    } else if (token && accepts(token, characters[at]!)) {
      at += 1
      next += 1
    } else if (star) {
      // Let the last star take one character more; earlier stars never need to.
      star.at += 1
      at = star.at
      next = star.token + 1
    } else return false
  }
  return tokens.slice(next).every((token) => token.kind === 'anything')
}

function accepts(token: Token, character: string): boolean {
  switch (token.kind) {
    case 'anything':
    case 'one':
      return true
    case 'literal':
      return token.character === character
    case 'set':
      return isMember(token.members, character) !== token.negated
    default:
      return token satisfies never
  }
}

function isMember(members: string, character: string): boolean {
  const list = Array.from(members)
  for (let i = 0; i < list.length; i++) {
    const isRange = list[i + 1] === '-' && i + 2 < list.length
    if (isRange ? list[i]! <= character && character <= list[i + 2]! : list[i] === character) return true
    if (isRange) i += 2
  }
  return false
}

function parse(pattern: string): Token[] {
  const characters = Array.from(pattern)
  const tokens: Token[] = []
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i]!
    if (character === '*') tokens.push({ kind: 'anything' })
    else if (character === '?') tokens.push({ kind: 'one' })
    else if (character === '[') {
      const negated = characters[i + 1] === '!'
      const first = negated ? i + 2 : i + 1
      // A closing bracket in first place is a member; without any closing bracket, the opening one is itself.
      const end = characters.indexOf(']', first + 1)
      if (end === -1) tokens.push({ kind: 'literal', character })
      else {
        tokens.push({ kind: 'set', members: characters.slice(first, end).join(''), negated })
        i = end
      }
    } else tokens.push({ kind: 'literal', character })
  }
  return tokens
}
