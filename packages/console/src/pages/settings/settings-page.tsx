/** The installation itself, as far as it concerns who uses it. */
import { useQuery } from '@tanstack/react-query'
import { systemQuery } from '../../api/queries.ts'
import { Card, Fact, Facts } from '../../design/card.tsx'
import { ErrorNote } from '../../design/note.tsx'
import { Page } from '../../design/page.tsx'
import { Skeleton } from '../../design/skeleton.tsx'
import { bytes } from '../../text/quantities.ts'
import { TimeAgo } from '../../text/time-ago.tsx'

export function SettingsPage() {
  const { data: system, error } = useQuery(systemQuery())
  return (
    <Page title="Settings" narrow>
      {error && !system && <ErrorNote error={error} />}
      {!error && !system && <Skeleton className="h-48 w-full rounded-lg" />}
      {system && (
        <Card title="This installation">
          <Facts>
            <Fact name="Version">{system.version}</Fact>
            <Fact name="Address">
              <code className="font-mono text-xs">{system.url}</code>
            </Fact>
            <Fact name="Data directory">
              <code className="font-mono text-xs">{system.home}</code>
            </Fact>
            <Fact name="Store">{system.store === 'sqlite' ? 'SQLite' : 'PostgreSQL'}</Fact>
            <Fact name="Runtime">{system.runtimes.map((runtime) => runtime.name).join(', ')}</Fact>
            <Fact name="Memory">
              {bytes(system.memory.reservedBytes)} reserved of {bytes(system.memory.totalBytes)}
            </Fact>
            <Fact name="Running since">
              <TimeAgo at={system.startedAt} />
            </Fact>
          </Facts>
        </Card>
      )}
    </Page>
  )
}
