/** Paths that others name: none may lead out of the directory that it is joined to. */
const FORBIDDEN = /[\0\\]/

export function isSafeRelativePath(path: string): boolean {
  if (path === '' || FORBIDDEN.test(path)) return false
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
}
