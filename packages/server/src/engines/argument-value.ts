/** What a user's arguments say that Berth wants to know too. The last word counts, as it does for engines. */

/** The value of a flag, as `--flag value` or `--flag=value`. */
export function argumentValue(args: readonly string[], flags: readonly string[]): string | undefined {
  let found: string | undefined
  for (const [index, arg] of args.entries()) {
    const [flag = '', inline] = arg.split('=', 2)
    if (!flags.includes(flag.startsWith('--') ? flag.replaceAll('_', '-') : flag)) continue
    found = inline ?? args[index + 1] ?? found
  }
  return found
}

/** Where it is a number above 0. */
export function countInArgs(args: readonly string[], flags: readonly string[]): number | undefined {
  let found: number | undefined
  for (const [index, arg] of args.entries()) {
    const [flag = '', inline] = arg.split('=', 2)
    if (!flags.includes(flag.startsWith('--') ? flag.replaceAll('_', '-') : flag)) continue
    const value = Number(inline ?? args[index + 1])
    if (Number.isInteger(value) && value >= 1) found = value
  }
  return found
}

/** A number of tokens as vLLM and SGLang take it: 32768, 32k (thousand), 32K (1024). */
export function tokensIn(text: string | undefined): number | undefined {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([kKmM]?)$/.exec(text ?? '') ?? []
  if (digits === undefined) return undefined
  const factor = { k: 1_000, K: 1_024, m: 1_000_000, M: 1_048_576 }[unit] ?? 1
  const tokens = Math.floor(Number(digits) * factor)
  return tokens > 0 ? tokens : undefined
}
