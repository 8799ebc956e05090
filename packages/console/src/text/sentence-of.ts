/** What an error says to a person. The server's refusals are sentences already, and so are our own. */
export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
