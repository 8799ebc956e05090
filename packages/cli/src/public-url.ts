/** `--public-url`: the address that clients type, where that is not the one that is listened on. */

const WHERE = '(--public-url, BERTH_PUBLIC_URL)'

/**
 * @param mistakes gets what is wrong.
 * @returns scheme, host and port, as browsers write an origin; null when none was given.
 */
export function readPublicUrl(
  given: string | undefined,
  mistakes: { readonly flag: string; readonly text: string }[],
): string | null {
  if (given === undefined || given === '') return null
  const problem = problemOf(given)
  if (problem === undefined) return new URL(given).origin
  mistakes.push({ flag: 'public-url', text: `"${withoutPassword(given)}" ${problem}   ${WHERE}` })
  return null
}

function problemOf(text: string): string | undefined {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) {
    return 'is not a URL such as https://models.example.org or http://10.0.0.5:8080'
  }
  const { username, password, pathname, search, hash, hostname } = new URL(text)
  if (username || password) return 'has a name or password: clients send a token instead'
  if (pathname !== '/' || search || hash) {
    return 'has a path: Berth answers at the root of a host, so give it a name or a port of its own'
  }
  if (hostname === '0.0.0.0' || hostname === '[::]') {
    return 'is every address of this machine and none that a client can type: name one of them'
  }
  return undefined
}

const withoutPassword = (text: string) => text.replace(/\/\/[^/@]*@/, '//…@')
