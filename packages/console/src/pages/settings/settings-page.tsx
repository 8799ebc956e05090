/** How the console looks, what its keys are, and what the installation behind it is. */
import { useQuery } from '@tanstack/react-query'
import { systemQuery } from '../../api/queries.ts'
import { Card, Fact, Facts } from '../../design/card.tsx'
import { Keys } from '../../design/keys.tsx'
import { ErrorNote } from '../../design/note.tsx'
import { Page } from '../../design/page.tsx'
import { Skeleton } from '../../design/skeleton.tsx'
import { Segmented } from '../../design/tabs.tsx'
import { chooseTheme, type Theme, useTheme } from '../../design/theme.ts'
import { memory } from '../../text/quantities.ts'
import { TimeAgo } from '../../text/time-ago.tsx'

const THEMES: readonly { readonly value: Theme; readonly label: string }[] = [
  { value: 'system', label: 'As the system' },
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
]

const SHORTCUTS: readonly { readonly keys: readonly string[]; readonly does: string }[] = [
  { keys: ['Mod+K'], does: 'Search, or go anywhere' },
  { keys: ['/'], does: 'Filter what the page lists' },
  { keys: ['n'], does: 'New endpoint' },
  { keys: ['g', 'e'], does: 'Endpoints' },
  { keys: ['g', 'c'], does: 'Catalog' },
  { keys: ['g', 'h'], does: 'Hardware' },
  { keys: ['g', 't'], does: 'Tokens' },
  { keys: ['g', 's'], does: 'Settings' },
]

export function SettingsPage() {
  const { data: system, error } = useQuery(systemQuery())
  const theme = useTheme()
  return (
    <Page title="Settings" narrow>
      <div className="flex flex-col gap-5">
        <Card title="Appearance">
          <Segmented label="Appearance" value={theme} choices={THEMES} onValue={chooseTheme} />
        </Card>
        <Card title="Keys">
          <ul className="grid grid-cols-1 gap-2 sm:grid-cols-2">
            {SHORTCUTS.map(({ keys, does }) => (
              <li key={does} className="flex items-center justify-between gap-4 sm:pr-6">
                {does}
                <span className="flex gap-1">
                  {keys.map((key) => (
                    <Keys key={key} keys={key} />
                  ))}
                </span>
              </li>
            ))}
          </ul>
        </Card>
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
              <Fact name="Gateways">
                {system.gateways.filter((gateway) => gateway.connected).length} connected
              </Fact>
              <Fact name="Memory">
                {memory(system.memory.reservedBytes)} of {memory(system.memory.totalBytes)} reserved
              </Fact>
              <Fact name="Running since">
                <TimeAgo at={system.startedAt} />
              </Fact>
            </Facts>
          </Card>
        )}
      </div>
    </Page>
  )
}
