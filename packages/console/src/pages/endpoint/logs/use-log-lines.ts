/**
 * Lines of the log that pass a filter: the newest so many, then every new one as it comes.
 *
 * Lines that arrive close together are shown together, so that a thousand in a second cost ten drawings.
 */
import type { LogLevel, LogLine } from '@berth/contract'
import { useEffect, useRef, useState } from 'react'
import { client } from '../../../api/client.ts'

export type LogFilter = {
  readonly level: LogLevel | undefined
  readonly replica: string | undefined
  readonly search: string
  /** Around a moment of the past, in milliseconds since the epoch; undefined for what comes now. */
  readonly around: number | undefined
}

export type LogLines = {
  readonly lines: readonly LogLine[]
  /** How many of the oldest lines were put before what was shown already. */
  readonly isLoading: boolean
  readonly error: unknown
  readonly hasOlder: boolean
  readonly loadOlder: () => void
}

const FIRST_LINES = 1_000
const OLDER_LINES = 1_000
/** What a page keeps; the oldest go first. */
const MAX_LINES = 20_000
const DRAW_EVERY_MS = 100
const RETRY_MS = 2_000
/** Shown on either side of a moment that was jumped to. */
const AROUND_MS = 60_000

export function useLogLines(namespace: string, name: string, filter: LogFilter): LogLines {
  const [lines, setLines] = useState<readonly LogLine[]>([])
  const [isLoading, setLoading] = useState(true)
  const [error, setError] = useState<unknown>()
  const [hasOlder, setHasOlder] = useState(true)
  const generation = useRef(0)
  const { level, replica, search, around } = filter
  const place = { params: { namespace, name } }
  const which = {
    ...(level === undefined ? {} : { level }),
    ...(replica === undefined ? {} : { replica }),
    ...(search === '' ? {} : { search }),
  }

  // biome-ignore lint/correctness/useExhaustiveDependencies: `place` and `which` are made of these
  useEffect(() => {
    const own = ++generation.current
    const leaving = new AbortController()
    const { signal } = leaving
    setLines([])
    setLoading(true)
    setError(undefined)
    setHasOlder(true)
    const isOver = () => signal.aborted || generation.current !== own

    let waiting: LogLine[] = []
    const drawing = setInterval(() => {
      if (waiting.length === 0) return
      const arrived = waiting
      waiting = []
      setLines((before) => [...before, ...arrived].slice(-MAX_LINES))
      setLoading(false)
    }, DRAW_EVERY_MS)

    const once = async (moment: number) => {
      const query = {
        ...which,
        since: new Date(moment - AROUND_MS).toISOString(),
        until: new Date(moment + AROUND_MS).toISOString(),
        limit: FIRST_LINES,
      }
      setLines(await client.readLogLines({ ...place, query, signal }))
    }
    const follow = async () => {
      const first = await client.readLogLines({ ...place, query: { ...which, tail: FIRST_LINES }, signal })
      if (isOver()) return
      setLines(first)
      setHasOlder(first.length >= FIRST_LINES)
      setLoading(false)
      let last = first.at(-1)?.id
      while (!isOver()) {
        const query = { ...which, ...(last === undefined ? {} : { after: last }) }
        try {
          for await (const data of await client.watchLogLines({ ...place, query, signal })) {
            const line = JSON.parse(data) as LogLine
            last = line.id
            waiting.push(line)
          }
        } catch {
          // The next try says why, or goes on where this one ended.
        }
        if (!isOver()) await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
    const work = around === undefined ? follow() : once(around)
    work
      .catch((problem: unknown) => {
        if (!isOver()) setError(problem)
      })
      .finally(() => {
        if (!isOver()) setLoading(false)
      })
    return () => {
      leaving.abort()
      clearInterval(drawing)
    }
  }, [namespace, name, level, replica, search, around])

  const loadOlder = () => {
    const own = generation.current
    const before = lines[0]?.id
    if (before === undefined) return
    client
      .readLogLines({ ...place, query: { ...which, before, order: 'desc', limit: OLDER_LINES } })
      .then((older) => {
        if (generation.current !== own) return
        setHasOlder(older.length >= OLDER_LINES)
        setLines((now) => [...older.toReversed(), ...now].slice(0, MAX_LINES))
      })
      .catch(setError)
  }
  return { lines, isLoading, error, hasOlder, loadOlder }
}
