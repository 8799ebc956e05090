/** The namespace that the pages speak of: the one in the address, else the one last looked at, else one's own. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useEffect } from 'react'
import { whoamiQuery } from '../api/queries.ts'

const KEY = 'berth.namespace'

export function useNamespaces(): readonly string[] {
  const { data } = useSuspenseQuery(whoamiQuery())
  return [data.name, ...data.orgs.map((org) => org.name)]
}

export function useNamespace(): string {
  const mine = useNamespaces()
  const { namespace } = useParams({ strict: false })
  useEffect(() => {
    if (namespace !== undefined) remember(namespace)
  }, [namespace])
  if (namespace !== undefined) return namespace
  const last = remembered()
  return last !== null && mine.includes(last) ? last : mine[0]!
}

function remember(namespace: string): void {
  try {
    localStorage.setItem(KEY, namespace)
  } catch {
    // Then the next visit begins at one's own namespace.
  }
}

function remembered(): string | null {
  try {
    return localStorage.getItem(KEY)
  } catch {
    return null
  }
}
