/** What the replicas wrote: as it comes, or around a moment; searched, by level and by replica. */
import type { LogLevel } from '@berth/contract'
import { useQuery } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import { Download, ScrollText, Search, X } from 'lucide-react'
import { useDeferredValue, useEffect, useState } from 'react'
import { client } from '../../api/client.ts'
import { replicasQuery } from '../../api/queries.ts'
import { Button } from '../../design/button.tsx'
import { EmptyState } from '../../design/empty-state.tsx'
import { Field, Input } from '../../design/field.tsx'
import { ErrorNote } from '../../design/note.tsx'
import { Select } from '../../design/select.tsx'
import { SkeletonRows } from '../../design/skeleton.tsx'
import { Switch } from '../../design/switch.tsx'
import { toast } from '../../design/toast.tsx'
import { count } from '../../text/quantities.ts'
import { fullTime } from '../../text/times.ts'
import { useEndpoint } from './endpoint-context.ts'
import { LogList } from './logs/log-list.tsx'
import type { TimeZone } from './logs/log-text.ts'
import { useLogLines } from './logs/use-log-lines.ts'

const ALL = 'all'
const SETTLE_MS = 250
const LEVELS = [
  { value: ALL, label: 'Every level' },
  ...(['debug', 'info', 'warn', 'error'] as const satisfies readonly LogLevel[]).map((level) => ({
    value: level,
    label: level === 'error' ? 'error' : `${level} and worse`,
  })),
]

export function LogsTab() {
  const { namespace, name } = useEndpoint()
  const { at } = useSearch({ from: '/endpoints/$namespace/$name/logs' })
  const [around, setAround] = useState(at)
  const [level, setLevel] = useState<LogLevel | typeof ALL>(ALL)
  const [replica, setReplica] = useState<string>(ALL)
  const [typed, setTyped] = useState('')
  const [zone, setZone] = useState<TimeZone>('local')
  const [wrap, setWrap] = useState(true)
  const search = useSettled(typed.trim())
  useEffect(() => setAround(at), [at])

  const filter = {
    level: level === ALL ? undefined : level,
    replica: replica === ALL ? undefined : replica,
    search,
    around,
  }
  const { lines, isLoading, error, hasOlder, loadOlder } = useLogLines(namespace, name, filter)
  const shown = useDeferredValue(lines)
  const { data: replicas } = useQuery(replicasQuery(namespace, name))
  const ids = [
    ...new Set([...(replicas?.items.map(({ id }) => id) ?? []), ...(replica === ALL ? [] : [replica])]),
  ]

  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <Field label="Search" labelHidden className="min-w-48 flex-1">
          <Input value={typed} onValue={setTyped} placeholder="Search the log" type="search" />
        </Field>
        <Select
          label="Level"
          className="w-36"
          value={level}
          choices={LEVELS}
          onValue={(value) => setLevel(value as LogLevel | typeof ALL)}
        />
        <Select
          label="Replica"
          className="w-44"
          value={replica}
          choices={[{ value: ALL, label: 'Every replica' }, ...ids.map((id) => ({ value: id, label: id }))]}
          onValue={setReplica}
        />
        <Switch checked={wrap} onChange={setWrap}>
          Wrap
        </Switch>
        <Switch checked={zone === 'utc'} onChange={(utc) => setZone(utc ? 'utc' : 'local')}>
          UTC
        </Switch>
        <Button icon={Download} onClick={() => void download(namespace, name, filter)}>
          Download
        </Button>
      </div>
      {around !== undefined && (
        <div className="flex flex-wrap items-center gap-3 text-xs text-soft">
          Around {fullTime(around)}
          <Button size="sm" icon={X} onClick={() => setAround(undefined)}>
            Back to now
          </Button>
        </div>
      )}
      {error !== undefined && <ErrorNote error={error} />}
      {lines.length > 0 ? (
        <>
          <LogList
            lines={shown}
            search={search}
            zone={zone}
            wrap={wrap}
            withReplica={replica === ALL && ids.length > 1}
            follows={around === undefined}
          />
          <div className="flex items-center justify-between text-xs text-faint">
            {count(lines.length)} lines
            {hasOlder && (
              <Button size="sm" look="quiet" onClick={loadOlder}>
                Load older lines
              </Button>
            )}
          </div>
        </>
      ) : isLoading ? (
        <SkeletonRows rows={8} label="Loading the log" />
      ) : (
        error === undefined && (
          <Nothing isFiltered={search !== '' || level !== ALL || replica !== ALL || around !== undefined} />
        )
      )}
    </div>
  )
}

function Nothing({ isFiltered }: { readonly isFiltered: boolean }) {
  return isFiltered ? (
    <EmptyState icon={Search} title="No line fits">
      Lines are kept for 30 days; those that name no level are left out when one is chosen.
    </EmptyState>
  ) : (
    <EmptyState icon={ScrollText} title="Nothing has been written yet">
      What a replica prints appears here as it comes.
    </EmptyState>
  )
}

/** A search is asked for when the typing pauses. */
function useSettled(value: string): string {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), SETTLE_MS)
    return () => clearTimeout(timer)
  }, [value])
  return settled
}

const DOWNLOADED_LINES = 100_000

async function download(
  namespace: string,
  name: string,
  {
    level,
    replica,
    search,
  }: { readonly level: LogLevel | undefined; readonly replica: string | undefined; readonly search: string },
): Promise<void> {
  try {
    const query = {
      tail: DOWNLOADED_LINES,
      ...(level === undefined ? {} : { level }),
      ...(replica === undefined ? {} : { replica }),
      ...(search === '' ? {} : { search }),
    }
    const parts = await Array.fromAsync(await client.readLogs({ params: { namespace, name }, query }))
    const link = document.createElement('a')
    link.href = URL.createObjectURL(new Blob(parts, { type: 'text/plain' }))
    link.download = `${namespace}-${name}.log`
    link.click()
    URL.revokeObjectURL(link.href)
  } catch (error) {
    toast.failed('The log could not be downloaded', error)
  }
}
