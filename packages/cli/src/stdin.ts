/** What was piped into the command. */
import { text } from 'node:stream/consumers'

export const readStdin = (): Promise<string> => text(process.stdin)
