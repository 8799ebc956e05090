/** Everything by name: endpoints, pages, and what can be done. Opened with the keyboard from anywhere. */
import { Autocomplete } from '@base-ui/react/autocomplete'
import { Dialog } from '@base-ui/react/dialog'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import {
  Cpu,
  KeyRound,
  Layers,
  Library,
  LogOut,
  type LucideIcon,
  Moon,
  Plus,
  Search,
  Settings,
  Sun,
} from 'lucide-react'
import { useMemo } from 'react'
import { endpointsQuery } from '../api/queries.ts'
import { State } from '../design/state.tsx'
import { chooseTheme } from '../design/theme.ts'
import { signOut } from '../session/session.ts'
import { useNamespace } from './namespace.ts'

type Entry = {
  readonly value: string
  readonly label: string
  readonly icon?: LucideIcon
  readonly aside?: React.ReactNode
  readonly go: () => void
}

/** More than a screenful is not read but narrowed down. */
const MAX_SHOWN = 50

export function Palette({
  query,
  onQuery,
  onClose,
}: {
  readonly query: string
  readonly onQuery: (query: string) => void
  readonly onClose: () => void
}) {
  const entries = useEntries()
  const shown = useMemo(() => matching(entries, query).slice(0, MAX_SHOWN), [entries, query])
  const choose = (entry: Entry) => {
    onClose()
    entry.go()
  }
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-40 bg-[oklch(0.15_0.02_240/0.42)]" />
        <Dialog.Popup
          aria-label="Search or go to"
          className="floating fixed top-[14vh] left-1/2 z-40 w-[calc(100vw-2rem)] max-w-xl -translate-x-1/2 overflow-hidden"
        >
          <Autocomplete.Root
            open
            inline
            items={shown}
            filter={null}
            autoHighlight="always"
            keepHighlight
            value={query}
            onValueChange={onQuery}
            itemToStringValue={(entry: Entry) => entry.label}
          >
            <div className="flex items-center gap-2.5 border-b border-line px-4">
              <Search className="size-4 text-faint" aria-hidden />
              <Autocomplete.Input
                aria-label="Search or go to"
                placeholder="An endpoint, a page, an action…"
                spellCheck={false}
                className="h-12 min-w-0 flex-1 bg-transparent text-base outline-none"
              />
            </div>
            <Autocomplete.Empty className="px-4 py-3 text-soft empty:hidden">
              Nothing is called that.
            </Autocomplete.Empty>
            <Autocomplete.List className="max-h-[50vh] overflow-y-auto p-1.5 empty:hidden">
              {(entry: Entry) => (
                <Autocomplete.Item
                  key={entry.value}
                  value={entry}
                  onClick={() => choose(entry)}
                  className="flex h-9 items-center gap-2.5 rounded-md px-2.5 outline-none select-none data-highlighted:bg-hover"
                >
                  {entry.icon && (
                    <entry.icon className="size-4 shrink-0 text-faint" strokeWidth={1.75} aria-hidden />
                  )}
                  <span className="min-w-0 flex-1 truncate">{entry.label}</span>
                  {entry.aside && <span className="shrink-0 text-xs text-soft">{entry.aside}</span>}
                </Autocomplete.Item>
              )}
            </Autocomplete.List>
          </Autocomplete.Root>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

function useEntries(): readonly Entry[] {
  const namespace = useNamespace()
  const navigate = useNavigate()
  const { data } = useQuery(endpointsQuery(namespace))
  return useMemo(() => {
    const pages: readonly Entry[] = [
      {
        value: 'endpoints',
        label: 'Endpoints',
        icon: Layers,
        go: () => void navigate({ to: '/endpoints/$namespace', params: { namespace } }),
      },
      {
        value: 'new',
        label: 'New endpoint',
        icon: Plus,
        go: () => void navigate({ to: '/new/$namespace', params: { namespace } }),
      },
      { value: 'catalog', label: 'Catalog', icon: Library, go: () => void navigate({ to: '/catalog' }) },
      { value: 'hardware', label: 'Hardware', icon: Cpu, go: () => void navigate({ to: '/hardware' }) },
      { value: 'tokens', label: 'Tokens', icon: KeyRound, go: () => void navigate({ to: '/tokens' }) },
      { value: 'settings', label: 'Settings', icon: Settings, go: () => void navigate({ to: '/settings' }) },
      { value: 'light', label: 'Light appearance', icon: Sun, go: () => chooseTheme('light') },
      { value: 'dark', label: 'Dark appearance', icon: Moon, go: () => chooseTheme('dark') },
      { value: 'sign-out', label: 'Sign out', icon: LogOut, go: () => signOut() },
    ]
    const endpoints = (data?.items ?? []).map(
      ({ name, status }): Entry => ({
        value: `endpoint:${name}`,
        label: name,
        aside: <State state={status.state} />,
        go: () => void navigate({ to: '/endpoints/$namespace/$name', params: { namespace, name } }),
      }),
    )
    return [...endpoints, ...pages]
  }, [data, namespace, navigate])
}

/** Every word must occur; what begins with the query comes first. */
function matching(entries: readonly Entry[], query: string): readonly Entry[] {
  const asked = query.trim().toLowerCase()
  const words = asked.split(/\s+/)
  const found = entries.filter(({ label }) => words.every((word) => label.toLowerCase().includes(word)))
  const begins = (entry: Entry) => (entry.label.toLowerCase().startsWith(asked) ? 0 : 1)
  return asked === '' ? found : found.toSorted((a, b) => begins(a) - begins(b))
}
