/** What the replicas wrote, as it comes. */
import { useEffect, useState } from 'react'
import { client } from '../../api/client.ts'
import { ErrorNote } from '../../design/note.tsx'
import { useEndpoint } from './endpoint-context.ts'

const TAIL_LINES = 500
const MAX_LINES = 5_000

export function LogsTab() {
  const { namespace, name } = useEndpoint()
  const [lines, setLines] = useState<readonly string[]>([])
  const [error, setError] = useState<unknown>()

  useEffect(() => {
    const leaving = new AbortController()
    const follow = async () => {
      const events = await client.watchLogs({
        params: { namespace, name },
        query: { tail: TAIL_LINES },
        signal: leaving.signal,
      })
      for await (const line of events) setLines((before) => [...before, line].slice(-MAX_LINES))
    }
    setLines([])
    follow().catch((problem: unknown) => {
      if (!leaving.signal.aborted) setError(problem)
    })
    return () => leaving.abort()
  }, [namespace, name])

  if (error !== undefined) return <ErrorNote error={error} />
  return (
    <pre className="min-h-40 overflow-x-auto rounded-lg border border-line bg-surface p-4 font-mono text-xs leading-5">
      {lines.length > 0 ? lines.join('\n') : 'Nothing has been written yet.'}
    </pre>
  )
}
