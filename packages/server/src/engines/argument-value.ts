/** What a user's arguments say about a number that Berth wants to know too. The last word counts, as it does for engines. */
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
