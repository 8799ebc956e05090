/** Where the console's files lie. The server hands them out as they are; they talk to nothing but its public API. */
import path from 'node:path'

export const consoleDirectory = path.join(import.meta.dirname, '..', 'public')
