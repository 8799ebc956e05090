/** Where the console's pages begin: the server answers each of these, and all below, with the same document. */
export const consolePages = ['/endpoints', '/new', '/catalog', '/hardware', '/tokens', '/settings'] as const
