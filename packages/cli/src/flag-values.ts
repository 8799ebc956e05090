/** What the text of a flag says, where several flags say it in the same way. */
import { usageError } from './exit.ts'

/** @throws CommandError for what is not `KEY=VALUE`. */
export function assignments(flag: string, texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf('=')
      if (at < 1) throw usageError(`${flag} is "${text}": write it as KEY=VALUE.`)
      return [text.slice(0, at), text.slice(at + 1)]
    }),
  )
}

/** @throws CommandError for what is no whole number. */
export function count(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,9}$/.test(text)) throw usageError(`${flag} is "${text}": write a whole number.`)
  return Number(text)
}
