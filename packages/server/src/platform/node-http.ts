/**
 * Node's own HTTP, taken without importing it: an import asks a module for all that it exports, and of this one that is
 * also a fetch and its WebSockets, 6 MB in each process that uses neither.
 */
export const http = process.getBuiltinModule('node:http')
export const https = process.getBuiltinModule('node:https')
